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
import { Deque } from '../../lib/deque.js';
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

/** Leases that end in one transaction at the most, when many lapse at once. */
const EXPIRIES_PER_TXN_MAX = 1_000;

const HISTORY_DEFAULTS: HistoryBounds = {
  countMax: 100_000,
  ageMsMax: 60 * 60 * 1_000,
  bytesMax: 64 * 1024 * 1024,
};

export interface EmbeddedStoreOptions {
  readonly clock?: Clock;
  /** 100,000 revisions, one hour and 64 MiB by default. */
  readonly history?: Partial<HistoryBounds>;
  /** Told when writes begin to fail, with why, and with undefined once they succeed again. */
  readonly onWriteState?: (failure: unknown) => void;
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

type Changes = Extract<Evaluation, { kind: 'changes' }>;

/** Whether anything of a transaction has to get to disk. */
function isToBeWritten({ changes, ended }: Changes): boolean {
  return changes.length > 0 || ended.some((lease) => lease.onDisk !== 'no');
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
  /** Leases whose deadline has passed, and that have yet to be ended. */
  readonly #due = new Deque<Lease>();
  readonly #followers = new Set<Follower>();
  readonly #historyTimer;
  readonly #onWriteState: (failure: unknown) => void;
  #revision: Revision;
  #headRevision: Revision;
  /** The running clock at the last tick: what is due is so as of then. */
  #tickMs: number;
  #expiring = false;
  #failing = false;
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
    this.#onWriteState = options.onWriteState ?? (() => undefined);
    this.#running = new RunningClock(this.#clock, (restarted) => this.#onTick(restarted));
    this.#tickMs = this.#running.nowMs();
    this.#leases = new LeaseTable(this.#tickMs);
    for (const lease of state.leases) this.#leases.add(lease, this.#tickMs);
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
    if (this.#endUnused(txn)) return { committed: true, revision: this.#revision };
    const evaluation = evaluate(txn, this.#head);
    if (this.#waiting.length >= WAITING_MAX) throw new RollcallError('OVERLOADED', 'too many writes are waiting');
    if (evaluation.kind === 'changes') return { committed: true, revision: await this.#commit(evaluation) };
    // What made the guard fail may still wait; its outcome must not be told before it is durable.
    const revision = this.#headRevision;
    if (this.#overlay.size > 0) await this.#enqueue(NOTHING_TO_WRITE);
    return { committed: false, revision, failedGuard: evaluation.failedGuard };
  }

  /** Ends leases that were never used, if nothing else is asked. That happens at once: nobody was ever shown anything of them. */
  #endUnused({ ops, guards = [], endLeases = [] }: Txn): boolean {
    const leases = endLeases.map((id) => this.#leases.get(id));
    if (ops.length + guards.length > 0 || !leases.every((lease) => lease?.onDisk === 'no')) return false;
    for (const lease of leases) if (lease !== undefined) this.#leases.remove(lease);
    return true;
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
  async #commit(evaluation: Changes): Promise<Revision> {
    const { changes, ended } = evaluation;
    if (!isToBeWritten(evaluation)) {
      for (const lease of ended) this.#leases.remove(lease);
      const revision = this.#headRevision;
      if (this.#overlay.size > 0) await this.#enqueue(NOTHING_TO_WRITE);
      return revision;
    }
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
        if (!this.#isEmpty(group)) await this.#persistence.write(group);
      } catch (error) {
        this.#refuse([...writes, ...this.#waiting.splice(0)], error);
        this.#noteWriteState(error);
        continue;
      }
      if (!this.#isEmpty(group)) this.#noteWriteState(undefined);
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
    let floor = this.#history.dueFloor(batches, this.#clock.wallMs());
    for (const { compactTo } of writes) floor = Math.max(floor, compactTo);
    return {
      revision: batches.at(-1)?.revision ?? this.#revision,
      floor,
      batches,
      leasesGranted: [...granted.values()],
      leasesEnded: writes.flatMap((write) => write.ended.map(({ id }) => id)),
    };
  }

  /** Whether a group is of callers alone who only wait. */
  #isEmpty({ batches, leasesEnded, floor }: Group): boolean {
    return batches.length + leasesEnded.length === 0 && floor === this.#history.floor;
  }

  /** Tells of a change between writes that fail and writes that succeed, and not of each. */
  #noteWriteState(failure: unknown): void {
    const failing = failure !== undefined;
    if (failing !== this.#failing) this.#onWriteState(failure);
    this.#failing = failing;
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
      this.#tickMs = nowMs;
      for (const lease of this.#leases.takeDue(nowMs)) this.#due.push(lease);
      void this.#expireDue();
    });
  }

  /** Ends what is due, one transaction after the other: when many lapse at once, writers and renewals get their turn. */
  async #expireDue(): Promise<void> {
    if (this.#expiring) return;
    this.#expiring = true;
    while (this.#due.length > 0 && this.#closing === undefined) {
      const leases = this.#nextDue();
      const evaluation = evaluate({ ops: [], endLeases: leases.map(({ id }) => id) }, this.#head);
      if (evaluation.kind !== 'changes') throw new Error('a transaction without guards cannot fail one');
      try {
        await this.#commit(evaluation);
      } catch {
        // The disk is full or gone, as callers are being told too.
        for (const lease of leases) this.#lookAgainAfter(lease, EXPIRY_RETRY_MS);
      }
    }
    this.#expiring = false;
  }

  /** Takes leases to end now. Those that were renewed meanwhile, or whose time has yet to begin, get their timers back. */
  #nextDue(): Lease[] {
    const leases: Lease[] = [];
    while (this.#due.length > 0 && leases.length < EXPIRIES_PER_TXN_MAX) {
      const lease = this.#due.shift()!;
      if (this.#leases.get(lease.id) !== lease) continue;
      if (lease.deadlineMs > this.#tickMs) this.#leases.restore(lease);
      // Its TTL begins with the answer to the write of its first key.
      else if (lease.onDisk === 'coming') this.#lookAgainAfter(lease, lease.ttlMs);
      else leases.push(lease);
    }
    return leases;
  }

  #lookAgainAfter(lease: Lease, ms: number): void {
    this.#leases.remove(lease);
    lease.deadlineMs = Math.max(lease.deadlineMs, this.#running.nowMs() + ms);
    this.#leases.restore(lease);
  }

  #compactAged(): void {
    const floor = this.#history.dueFloor([], this.#clock.wallMs());
    // A failure here is the disk's, which writers are told of; the next check tries again.
    if (floor > this.#history.floor) this.compact(floor).catch(() => undefined);
  }
}
