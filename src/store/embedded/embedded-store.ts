import { RollcallError } from '../../core/errors.js';
import { systemClock, type Clock } from '../../lib/clock.js';
import type {
  Entry,
  Epoch,
  Follower,
  LeaseId,
  RangePage,
  RangeRequest,
  Revision,
  Store,
  Txn,
  TxnResult,
} from '../contract.js';
import { evaluate, type Evaluation, type Head } from './evaluate.js';
import { History, type HistoryBounds } from './history.js';
import { KeySpace } from './key-space.js';
import { LeaseTable, type Lease } from './lease-table.js';
import type { CommitGroup, PersistedState, Persistence, TimedBatch } from './persistence.js';
import { RunningClock } from './running-clock.js';

/** Writes that may wait for the group before them; more are refused with OVERLOADED. */
const WAITING_MAX = 20_000;

/** How long an expiry that could not be written waits before it is tried again. */
const EXPIRY_RETRY_MS = 1_000;

const HISTORY_CHECK_MS = 10_000;

export const HISTORY_DEFAULTS: HistoryBounds = { countMax: 100_000, ageMsMax: 60 * 60 * 1_000 };

export interface EmbeddedStoreOptions {
  readonly clock?: Clock;
  /** 100,000 revisions and one hour by default. */
  readonly history?: Partial<HistoryBounds>;
}

/** A write that was evaluated and waits to be durable. */
interface Waiting {
  readonly batch: TimedBatch | undefined;
  readonly ended: readonly Lease[];
  readonly compactTo: Revision;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A group whose leases are still those of the table. */
interface Group extends CommitGroup {
  readonly leasesGranted: readonly Lease[];
}

/** For callers that only wait until what they were told of is durable. */
const NOTHING_TO_WRITE = { batch: undefined, ended: [], compactTo: 0 } as const;

/**
 * The state machine of the engines that live in one process: all state is in
 * memory, and a {@link Persistence} makes it outlive the process or does not.
 *
 * ```
 *   txn ──evaluate──▶ waiting ──group──▶ persistence.write ──flushed──▶ publish
 *            │                                                 │
 *          head = durable state + overlay of what waits        └─▶ followers, then answers
 * ```
 *
 * A transaction is evaluated at once against the head, which includes what
 * waits, so that callers need not wait for each other. Whatever was evaluated
 * while one group is being written becomes the next group. Readers and
 * followers see only durable state. When a group cannot be written, all that
 * waits is refused, for it was evaluated on top of it, and the overlay is
 * dropped: nothing of it was ever shown.
 */
export class EmbeddedStore implements Store {
  readonly epoch: Epoch;
  readonly #clock: Clock;
  readonly #persistence: Persistence;
  readonly #running: RunningClock;
  readonly #history: History;
  readonly #durable = new KeySpace();
  /** What keys will be once all that waits is durable, and by which revision. */
  readonly #overlay = new Map<string, { readonly revision: Revision; readonly entry: Entry | undefined }>();
  readonly #leases: LeaseTable;
  readonly #followers = new Set<Follower>();
  readonly #historyTimer;
  #revision: Revision;
  #headRevision: Revision;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  static async open(persistence: Persistence, options: EmbeddedStoreOptions = {}): Promise<EmbeddedStore> {
    return new EmbeddedStore(persistence, await persistence.load(), options);
  }

  private constructor(persistence: Persistence, state: PersistedState, options: EmbeddedStoreOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#persistence = persistence;
    this.epoch = state.epoch;
    this.#revision = state.revision;
    this.#headRevision = state.revision;
    this.#history = new History({ ...HISTORY_DEFAULTS, ...options.history }, state.floor, state.history);
    this.#running = new RunningClock(this.#clock, (restarted) => this.#onTick(restarted));
    this.#leases = new LeaseTable(this.#running.nowMs());
    for (const lease of state.leases) this.#leases.add(lease, this.#running.nowMs());
    const changes = state.entries.map((entry) => ({ key: entry.key, entry, prev: undefined }));
    this.#durable.apply(changes);
    this.#leases.apply(changes);
    this.#historyTimer = this.#clock.every(HISTORY_CHECK_MS, () => this.#compactAged());
  }

  get revision(): Revision {
    return this.#revision;
  }

  get floor(): Revision {
    return this.#history.floor;
  }

  async barrier(): Promise<Revision> {
    return this.#revision;
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.#durable.get(key);
  }

  async range(request: RangeRequest): Promise<RangePage> {
    return { ...this.#durable.range(request), revision: this.#revision };
  }

  async txn(txn: Txn): Promise<TxnResult> {
    this.#refuseIfClosing();
    const evaluation = evaluate(txn, this.#head);
    if (evaluation.kind === 'guard-failed') {
      // What made the guard fail may still wait; its outcome must not be told before it is durable.
      const revision = this.#headRevision;
      if (this.#overlay.size > 0) await this.#enqueue(NOTHING_TO_WRITE);
      return { committed: false, revision, failedGuard: evaluation.failedGuard };
    }
    const revision = await this.#commit(evaluation);
    return { committed: true, revision };
  }

  async grantLease(ttlMs: number): Promise<LeaseId> {
    this.#refuseIfClosing();
    return this.#leases.grant(ttlMs, this.#running.nowMs()).id;
  }

  async renewLeases(leases: readonly LeaseId[]): Promise<readonly (number | undefined)[]> {
    this.#refuseIfClosing();
    const nowMs = this.#running.nowMs();
    return leases.map((id) => {
      const lease = this.#leases.get(id);
      if (lease !== undefined) this.#leases.renew(lease, nowMs);
      return lease?.ttlMs;
    });
  }

  follow(after: Revision, follower: Follower): () => void {
    this.#refuseIfClosing();
    if (after < this.#history.floor) {
      throw new RollcallError('COMPACTED', `history begins after revision ${this.#history.floor}, not ${after}`);
    }
    const missed = this.#history.after(after);
    if (missed.length > 0) follower.onBatches(missed);
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  async compact(revision: Revision): Promise<void> {
    this.#refuseIfClosing();
    await this.#enqueue({ batch: undefined, ended: [], compactTo: Math.min(revision, this.#revision) });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#running.stop();
    this.#historyTimer.cancel();
    while (this.#writing !== undefined) await this.#writing;
    this.#followers.clear();
    await this.#persistence.close();
  }

  #refuseIfClosing(): void {
    if (this.#closing !== undefined) throw new RollcallError('SHUTTING_DOWN', 'the store is closing');
  }

  readonly #head: Head = {
    entry: (key) => {
      const waiting = this.#overlay.get(key);
      return waiting === undefined ? this.#durable.get(key) : waiting.entry;
    },
    lease: (id) => this.#leases.get(id),
    nextRevision: () => this.#headRevision + 1,
  };

  /** Takes an evaluated transaction into the head and waits until it is durable. Resolves to its revision. */
  async #commit({ changes, ended }: Extract<Evaluation, { kind: 'changes' }>): Promise<Revision> {
    if (changes.length === 0 && ended.every((lease) => lease.onDisk === 'no')) {
      for (const lease of ended) this.#leases.remove(lease);
      const revision = this.#headRevision;
      if (this.#overlay.size > 0) await this.#enqueue(NOTHING_TO_WRITE);
      return revision;
    }
    if (this.#waiting.length >= WAITING_MAX) throw new RollcallError('OVERLOADED', 'too many writes are waiting');
    let batch: TimedBatch | undefined;
    if (changes.length > 0) {
      batch = { revision: ++this.#headRevision, changes, timeMs: this.#clock.wallMs() };
      for (const { key, entry } of changes) this.#overlay.set(key, { revision: batch.revision, entry });
      this.#leases.apply(changes);
    }
    for (const lease of ended) this.#leases.remove(lease);
    const revision = this.#headRevision;
    await this.#enqueue({ batch, ended, compactTo: 0 });
    return revision;
  }

  #enqueue(write: Omit<Waiting, 'resolve' | 'reject'>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...write, resolve, reject });
      this.#writing ??= this.#writeGroups();
    });
  }

  /** Writes group after group until nothing waits. */
  async #writeGroups(): Promise<void> {
    // Callers whose requests have already arrived get to join the first group.
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    while (this.#waiting.length > 0) {
      const writes = this.#waiting;
      this.#waiting = [];
      const group = this.#group(writes);
      try {
        await this.#persistence.write(group);
      } catch (error) {
        this.#refuse([...writes, ...this.#waiting.splice(0)], error);
        continue;
      }
      this.#publish(group);
      for (const write of writes) write.resolve();
      // The answers' continuations run before the next group is taken, so that their callers can join it.
      await new Promise<void>((resolve) => this.#clock.soon(resolve));
    }
    this.#writing = undefined;
  }

  #group(writes: readonly Waiting[]): Group {
    const batches = writes.flatMap((write) => write.batch ?? []);
    const granted = new Map<LeaseId, Lease>();
    for (const { changes } of batches) {
      for (const { entry } of changes) {
        const lease = entry?.lease === undefined ? undefined : this.#leases.get(entry.lease);
        if (lease?.onDisk === 'coming') granted.set(lease.id, lease);
      }
    }
    return {
      revision: batches.at(-1)?.revision ?? this.#revision,
      floor: Math.max(
        this.#history.dueFloor(batches.length, this.#clock.wallMs()),
        ...writes.map((write) => write.compactTo),
      ),
      batches,
      leasesGranted: [...granted.values()],
      leasesEnded: writes.flatMap((write) => write.ended.map(({ id }) => id)),
    };
  }

  /** Shows what has become durable, to readers first. */
  #publish({ revision, floor, batches, leasesGranted }: Group): void {
    for (const batch of batches) {
      this.#durable.apply(batch.changes);
      for (const { key } of batch.changes) {
        if (this.#overlay.get(key)?.revision === batch.revision) this.#overlay.delete(key);
      }
    }
    const nowMs = this.#running.nowMs();
    // Also one that is to end in a group that waits: it would be back if that cannot be written.
    for (const lease of leasesGranted) {
      lease.onDisk = 'yes';
      // The holder counts from the answer it is about to get, not from before the flush.
      this.#leases.renew(lease, nowMs);
    }
    this.#revision = revision;
    this.#history.append(batches);
    if (batches.length > 0) this.#tell((follower) => follower.onBatches(batches));
    if (floor > this.#history.floor) {
      this.#history.trimTo(floor);
      this.#tell((follower) => follower.onCompacted?.(floor));
    }
  }

  /** Tells those who follow now: not who begins within such a call, and has this from history, nor who is stopped by it. */
  #tell(fn: (follower: Follower) => void): void {
    for (const follower of [...this.#followers]) if (this.#followers.has(follower)) fn(follower);
  }

  /** Takes back all that waits, newest first, and tells its callers why. */
  #refuse(writes: readonly Waiting[], error: unknown): void {
    for (const { batch, ended } of writes.toReversed()) {
      for (const lease of ended) this.#leases.restore(lease);
      if (batch !== undefined) this.#leases.undo(batch.changes);
    }
    this.#overlay.clear();
    this.#headRevision = this.#revision;
    for (const write of writes) write.reject(error);
  }

  #onTick(restarted: boolean): void {
    const nowMs = this.#running.nowMs();
    if (restarted) this.#leases.renewAll(nowMs);
    // Renewals that have arrived while the process was busy are handled before anything expires. What is due is so as of
    // this tick: in the time until then the process may have been stopped, which only the next tick will credit.
    this.#clock.soon(() => {
      if (this.#closing === undefined) for (const lease of this.#leases.takeDue(nowMs)) this.#expire(lease);
    });
  }

  #expire(lease: Lease): void {
    if (lease.onDisk === 'coming') {
      // Its TTL begins with the answer to the write of its first key.
      this.#lookAgainAfter(lease, lease.ttlMs);
      return;
    }
    const evaluation = evaluate({ ops: [], endLeases: [lease.id] }, this.#head);
    if (evaluation.kind !== 'changes') throw new Error('a transaction without guards cannot fail one');
    this.#commit(evaluation).catch(() => {
      // The disk is full or gone, as callers are being told too.
      this.#lookAgainAfter(lease, EXPIRY_RETRY_MS);
    });
  }

  #lookAgainAfter(lease: Lease, ms: number): void {
    this.#leases.remove(lease);
    lease.deadlineMs = Math.max(lease.deadlineMs, this.#running.nowMs() + ms);
    this.#leases.restore(lease);
  }

  #compactAged(): void {
    const floor = this.#history.dueFloor(0, this.#clock.wallMs());
    // A failure here is the disk's, which writers are told of; the next check tries again.
    if (floor > this.#history.floor) this.compact(floor).catch(() => undefined);
  }
}
