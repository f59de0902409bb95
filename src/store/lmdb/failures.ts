import { RollcallError } from '../../core/errors.js';
import { messageOf } from '../../lib/message-of.js';

/** STORE_CORRUPT: names the file and what to do about it. */
export function corrupt(path: string, what: string, cause?: unknown): RollcallError {
  const remedy = 'Restore the data directory from a backup, or move it away to begin empty.';
  return new RollcallError('STORE_CORRUPT', `${path} is damaged: ${what}. ${remedy}`, { cause, metadata: { path } });
}

/** STORE_UNAVAILABLE: the file system refused what a data directory needs. */
export function unavailable(path: string, what: string, cause?: unknown): RollcallError {
  const message = `${path}: ${what}` + (cause === undefined ? '' : `: ${messageOf(cause)}`);
  return new RollcallError('STORE_UNAVAILABLE', message, { cause, metadata: { path } });
}

/** STORE_FULL: nothing was written. */
export function full(path: string, cause?: unknown): RollcallError {
  return new RollcallError('STORE_FULL', `the disk under ${path} is full`, { cause, metadata: { path } });
}

/** What a failed system call on `path` means: STORE_FULL where space ran out, else STORE_UNAVAILABLE. */
export function failureOf(path: string, what: string, cause: unknown): RollcallError {
  if (cause instanceof RollcallError) return cause;
  return isOutOfSpace(cause) ? full(path, cause) : unavailable(path, what, cause);
}

/** LMDB's MDB_MAP_FULL: the file cannot be mapped at the size that it needs. */
const MAP_FULL = -30792;

/** Whether a disk, or a quota on it, has no room left. */
export function isOutOfSpace(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || code === MAP_FULL;
}

export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
