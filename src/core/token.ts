import { RollcallError } from './errors.js';
import { LIMITS } from './limits.js';

/**
 * Resume tokens: which history, which revision, and whose view.
 *
 * A token is opaque to clients. Inside it is the epoch, the revision, and a
 * scope: the hash of the watched (namespace, service, selector) whose view the
 * holder has, or 0 for tokens that name only a point in time, as writes give
 * them. The scope is what makes a token safe to misuse: resuming another
 * selector's watch with it, or a watch with a write's token, yields a snapshot
 * instead of a delta onto a view that the client never had.
 */
export interface Token {
  readonly epoch: Epoch;
  readonly revision: Revision;
  readonly scope: Scope;
}

/** Names one history of one store: 16 hexadecimal digits. */
export type Epoch = string;

/** The store's global, strictly increasing version; a non-negative integer below 2^53. */
export type Revision = number;

/** 64-bit hash of a watch's target; 0n for none. */
export type Scope = bigint;

export const NO_SCOPE: Scope = 0n;

const VERSION = 1;
const LENGTH_BYTES = 1 + 8 + 8 + 8;

export function encodeToken(token: Token): string {
  const bytes = Buffer.allocUnsafe(LENGTH_BYTES);
  bytes[0] = VERSION;
  bytes.write(token.epoch, 1, 8, 'hex');
  bytes.writeBigUInt64BE(BigInt(token.revision), 9);
  bytes.writeBigUInt64BE(token.scope, 17);
  return bytes.toString('base64url');
}

/** @throws RollcallError INVALID_TOKEN when the text is not a token; `field` names it to the caller. */
export function decodeToken(text: string, field: string): Token {
  const bytes = text.length <= LIMITS.tokenLengthMax ? Buffer.from(text, 'base64url') : Buffer.alloc(0);
  const wellFormed = bytes.length === LENGTH_BYTES && bytes[0] === VERSION && bytes.toString('base64url') === text;
  const revision = wellFormed ? bytes.readBigUInt64BE(9) : -1n;
  if (revision < 0n || revision > BigInt(Number.MAX_SAFE_INTEGER)) {
    const description = 'not a token that a Rollcall server gave out';
    throw new RollcallError('INVALID_TOKEN', `${field}: ${description}`, { violations: [{ field, description }] });
  }
  return {
    epoch: bytes.toString('hex', 1, 9),
    revision: Number(revision),
    scope: bytes.readBigUInt64BE(17),
  };
}
