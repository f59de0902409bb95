/*
 * 64-bit integers without BigInt, which costs a few times as much. Little-endian in rows and in LMDB's own
 * pages; big-endian in keys, so that their bytes sort as they do.
 */

const HIGH = 2 ** 32;

/** Unsigned; exact below 2^53, and above any bound beyond. */
export function u64(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset + 4) * HIGH + bytes.readUInt32LE(offset);
}

/** Signed; exact within ±2^53. */
export function i64(bytes: Buffer, offset: number): number {
  return bytes.readInt32LE(offset + 4) * HIGH + bytes.readUInt32LE(offset);
}

/** Writes a non-negative integer below 2^53, and returns the offset after it. */
export function writeU64(bytes: Buffer, value: number, offset: number): number {
  bytes.writeUInt32LE(value % HIGH, offset);
  return bytes.writeUInt32LE(Math.floor(value / HIGH), offset + 4);
}

export function u64Key(value: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeUInt32BE(Math.floor(value / HIGH), 0);
  key.writeUInt32BE(value % HIGH, 4);
  return key;
}

export function u64OfKey(key: Buffer): number {
  return key.readUInt32BE(0) * HIGH + key.readUInt32BE(4);
}
