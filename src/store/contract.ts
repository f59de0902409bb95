/**
 * The store: the one contract that engines implement.
 *
 * A store is an ordered map from keys to values with one global revision, in
 * the manner of etcd. Every transaction that changes something makes the next
 * revision; the changes of a revision become visible together, to readers and
 * followers alike, and only once they are durable. A transaction is answered
 * after that.
 *
 * What every engine owes, and the conformance suite checks (`rollcall/testing`):
 *
 * - **Ordered.** Revisions are integers that begin at 1 and strictly increase.
 *   A follower gets every revision after the one it names, once, in order and
 *   whole.
 * - **Current.** A read sees every transaction that was answered before it
 *   began. By the time a transaction is answered, followers in the same process
 *   have been told of it, or will be told before {@link Store.barrier} resolves.
 * - **Atomic.** A transaction happens whole or not at all. One whose promise
 *   rejects with `STORE_UNAVAILABLE` may have happened (an engine over a network
 *   cannot know); any other rejection means that it did not.
 * - **Leased.** A key put under a lease is deleted, as a change like any other,
 *   when the lease expires or ends. No lease expires before its last renewal
 *   plus its TTL, with time credited in which the engine was not running.
 * - **Bounded history.** A follower may start from any revision down to
 *   {@link Store.floor}; below it the engine says `COMPACTED`.
 */
import type { Epoch, Revision } from '../core/token.js';

export type { Epoch, Revision };

/** A lease's id: a positive integer below 2^53, hard to guess. */
export type LeaseId = number;

/** A key and what it holds. Immutable: neither the engine nor a caller writes into `value`. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** The revision that made the key, since it was last absent. */
  readonly createRevision: Revision;
  /** The revision that last put the key. */
  readonly modRevision: Revision;
  /** The lease whose end deletes the key, if there is one. */
  readonly lease: LeaseId | undefined;
}

/** A condition of a transaction: the key was last put at `modRevision`; 0 means that it is absent. */
export interface Guard {
  readonly key: string;
  readonly modRevision: Revision;
}

export type Op =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array; readonly lease?: LeaseId }
  | { readonly kind: 'delete'; readonly key: string };

/**
 * What to do at once, if every guard holds. A key appears in at most one op.
 * Deleting an absent key does nothing; a transaction that changes nothing makes
 * no revision.
 */
export interface Txn {
  readonly guards?: readonly Guard[];
  readonly ops: readonly Op[];
  /** Leases that end with this transaction. Keys still held by them afterwards are deleted by it. Unknown ones are passed over. */
  readonly endLeases?: readonly LeaseId[];
}

export type TxnResult =
  /** It happened; `revision` is its own, or the current one if it changed nothing. */
  | { readonly committed: true; readonly revision: Revision }
  /** A guard did not hold, at `revision`. `failedGuard` is the first one's index. */
  | { readonly committed: false; readonly revision: Revision; readonly failedGuard: number };

/** What became of a key in one revision. Without `entry` it was deleted; without `prev` it was new. */
export interface Change {
  readonly key: string;
  readonly entry: Entry | undefined;
  readonly prev: Entry | undefined;
}

/** All changes of one revision. Each key appears once. */
export interface ChangeBatch {
  readonly revision: Revision;
  readonly changes: readonly Change[];
}

export interface Follower {
  /** Revisions that became durable together, oldest first. Called synchronously, one call at a time; must not throw. */
  onBatches(batches: readonly ChangeBatch[]): void;
  /** History up to and including `floor` was let go. */
  onCompacted?(floor: Revision): void;
  /** The feed cannot go on (`COMPACTED`, `STORE_UNAVAILABLE`): read anew and follow again. Not called after a stop. */
  onEnd(error: Error): void;
}

export interface RangeRequest {
  readonly prefix: string;
  /** Only keys greater than this one. */
  readonly after?: string;
  /** The most entries to return; 1,000 by default. */
  readonly limit?: number;
}

export interface RangePage {
  /** Ordered by key, compared as ASCII. */
  readonly entries: readonly Entry[];
  /** The revision read at. */
  readonly revision: Revision;
  /** Whether the range goes on after the last entry. */
  readonly more: boolean;
}

export interface Store {
  /** Names this store's history; never changes while the store is open. */
  readonly epoch: Epoch;
  /** The newest revision that this process has seen whole and durable. */
  readonly revision: Revision;
  /** Following is possible from here on. */
  readonly floor: Revision;

  /** Resolves to a revision at least as new as every transaction that was answered, anywhere, before the call. */
  barrier(): Promise<Revision>;
  get(key: string): Promise<Entry | undefined>;
  range(request: RangeRequest): Promise<RangePage>;

  /**
   * @throws RollcallError LEASE_NOT_FOUND when a put names a lease that is not alive;
   * STORE_FULL, OVERLOADED, STORE_UNAVAILABLE, SHUTTING_DOWN.
   */
  txn(txn: Txn): Promise<TxnResult>;

  /** A new lease without keys. It is durable once its first key is. */
  grantLease(ttlMs: number): Promise<LeaseId>;
  /** Gives each lease its full TTL again. In the order asked: the TTL in milliseconds, or undefined if the lease is not alive. */
  renewLeases(leases: readonly LeaseId[]): Promise<readonly (number | undefined)[]>;

  /**
   * Tells `follower` of every revision after `after`, beginning with those that
   * are history, before this returns where the engine can. Returns how to stop.
   *
   * @throws RollcallError COMPACTED when `after` is below {@link floor}.
   */
  follow(after: Revision, follower: Follower): () => void;

  /** Lets history up to and including `revision` go. */
  compact(revision: Revision): Promise<void>;

  /** Waits for writes under way, refuses new ones with SHUTTING_DOWN, and lets go of everything. Idempotent. */
  close(): Promise<void>;
}

/** Keys are 1–512 printable ASCII characters; what `e/` and the like mean is the business of the layers above. */
export const KEY_LENGTH_MAX = 512;
