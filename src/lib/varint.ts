/** What a number below 2^53 takes at most. */
export const VARINT_BYTES_MAX = 8;

/** Bit operations hold 32 bits, so that a number is written in two halves. */
const HALF_BITS = 28;
const HALF = 2 ** HALF_BITS;

/** Writes a non-negative integer below 2^53 as protobuf does, without BigInt, and returns the offset after it. */
export function writeVarint(bytes: Uint8Array, value: number, offset: number): number {
  let at = offset;
  let rest = value;
  if (value >= HALF) {
    const low = value % HALF;
    for (let shift = 0; shift < HALF_BITS; shift += 7) bytes[at++] = ((low >>> shift) & 0x7f) | 0x80;
    rest = Math.floor(value / HALF);
  }
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}
