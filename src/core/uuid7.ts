/** Fills `bytes` with random ones; `crypto.getRandomValues`, say. */
export type FillRandom = (bytes: Uint8Array) => void;

/**
 * A UUID of version 7 (RFC 9562): 48 bits of `unixMs`, then 74 random bits, as
 * 36 lower-case characters. Ids made later sort later, to the millisecond, and
 * two made at once collide with a probability of 2^-74.
 */
export function uuid7(unixMs: number, fillRandom: FillRandom): string {
  const bytes = Buffer.alloc(16);
  fillRandom(bytes);
  bytes.writeUIntBE(unixMs, 0, 6);
  bytes[6] = 0x70 | (bytes.readUInt8(6) & 0x0f);
  bytes[8] = 0x80 | (bytes.readUInt8(8) & 0x3f);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
