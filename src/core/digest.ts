import type { Xxh64 } from './hash.js';
import type { Revision } from './token.js';

/**
 * The digest of a view: the XOR over its endpoints of {@link endpointDigest}.
 * XOR makes it independent of order and lets a change be folded in or out in
 * O(1). An empty view has digest 0.
 */
export type Digest = bigint;

export const EMPTY_DIGEST: Digest = 0n;

/** xxh64(id bytes, 0x00, mod_revision as 8 bytes little-endian), seed 0. */
export function endpointDigest(xxh64: Xxh64, id: string, modRevision: Revision): Digest {
  const idBytes = Buffer.byteLength(id);
  const bytes = Buffer.allocUnsafe(idBytes + 9);
  bytes.write(id, 0);
  bytes[idBytes] = 0;
  bytes.writeBigUInt64LE(BigInt(modRevision), idBytes + 1);
  return xxh64(bytes);
}
