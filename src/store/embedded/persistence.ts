/** What an embedded store needs of whatever outlives the process. */
import type { ChangeBatch, Entry, Epoch, LeaseId, Revision } from '../contract.js';

/** A lease as it is persisted. Deadlines are not: a restart gives every lease its full TTL. */
export interface PersistedLease {
  readonly id: LeaseId;
  readonly ttlMs: number;
}

/** A revision's changes and when they were made (milliseconds since 1970), for compaction by age. */
export interface TimedBatch extends ChangeBatch {
  readonly timeMs: number;
}

/** Everything, as of the last group that was written. */
export interface PersistedState {
  readonly epoch: Epoch;
  readonly revision: Revision;
  readonly floor: Revision;
  /** In any order. */
  readonly entries: readonly Entry[];
  readonly leases: readonly PersistedLease[];
  /** The history after `floor`, oldest first. */
  readonly history: readonly TimedBatch[];
}

/** Transactions that become durable together. */
export interface CommitGroup {
  /** The revision after the group. */
  readonly revision: Revision;
  /** The floor after the group: history up to and including it is to be let go. */
  readonly floor: Revision;
  /** Oldest first; empty for a group that only compacts or ends leases. */
  readonly batches: readonly TimedBatch[];
  readonly leasesGranted: readonly PersistedLease[];
  /** May name leases that were never persisted. */
  readonly leasesEnded: readonly LeaseId[];
}

export interface Persistence {
  /** Called once, before anything else. */
  load(): Promise<PersistedState>;
  /**
   * Writes one group, atomically, and resolves once it is on disk. Called for
   * one group at a time.
   *
   * @throws RollcallError STORE_FULL or STORE_UNAVAILABLE; then nothing of the group was written.
   */
  write(group: CommitGroup): Promise<void>;
  close(): Promise<void>;
}
