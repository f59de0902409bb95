import { drawnAhead, systemRandom } from '../../lib/random.js';
import type { Change, LeaseId } from '../contract.js';
import type { PersistedLease } from './persistence.js';
import { TICK_MS } from './running-clock.js';

/** A lease that is alive. */
export interface Lease extends PersistedLease {
  /** On the running clock. */
  deadlineMs: number;
  /** The keys it holds. */
  readonly keys: Set<string>;
  /** Whether it is on disk, where it gets with the first key that it holds. */
  onDisk: 'no' | 'coming' | 'yes';
  /** The bucket that will look at it next. */
  bucket: number;
}

/**
 * The leases of an embedded store and their deadlines.
 *
 * Timers are buckets of leases, one for each tick of the clock. Renewing moves
 * the deadline and nothing else, O(1); a bucket that comes due passes on those
 * whose deadline has moved meanwhile. A lease is so touched about once a TTL,
 * however often it is renewed.
 */
export class LeaseTable {
  readonly #leases = new Map<LeaseId, Lease>();
  readonly #buckets = new Map<number, Set<Lease>>();
  #nextBucket: number;

  constructor(nowMs: number) {
    this.#nextBucket = Math.floor(nowMs / TICK_MS);
  }

  get(id: LeaseId): Lease | undefined {
    return this.#leases.get(id);
  }

  /** A new lease with an id that is not in use. */
  grant(ttlMs: number, nowMs: number): Lease {
    let id: LeaseId;
    do id = randomLeaseId();
    while (this.#leases.has(id));
    return this.add({ id, ttlMs }, nowMs, 'no');
  }

  /** A lease that was persisted, with its full TTL ahead. */
  add({ id, ttlMs }: PersistedLease, nowMs: number, onDisk: Lease['onDisk'] = 'yes'): Lease {
    const lease: Lease = { id, ttlMs, deadlineMs: nowMs + ttlMs, keys: new Set(), onDisk, bucket: 0 };
    this.restore(lease);
    return lease;
  }

  /** Puts back a lease that {@link remove} took out. */
  restore(lease: Lease): void {
    this.#leases.set(lease.id, lease);
    this.#schedule(lease);
  }

  remove(lease: Lease): void {
    this.#leases.delete(lease.id);
    this.#buckets.get(lease.bucket)?.delete(lease);
  }

  renew(lease: Lease, nowMs: number): void {
    lease.deadlineMs = Math.max(lease.deadlineMs, nowMs + lease.ttlMs);
  }

  renewAll(nowMs: number): void {
    for (const lease of this.#leases.values()) this.renew(lease, nowMs);
  }

  /** Leases whose deadline has passed. Each is returned once, until it is scheduled again by {@link restore}. */
  takeDue(nowMs: number): Lease[] {
    const due: Lease[] = [];
    const until = Math.floor(nowMs / TICK_MS);
    for (; this.#nextBucket <= until; this.#nextBucket++) {
      const bucket = this.#buckets.get(this.#nextBucket);
      if (bucket === undefined) continue;
      this.#buckets.delete(this.#nextBucket);
      for (const lease of bucket) {
        if (lease.deadlineMs <= nowMs) due.push(lease);
        else this.#schedule(lease);
      }
    }
    return due;
  }

  /** Records which lease holds each changed key from now on. */
  apply(changes: readonly Change[]): void {
    for (const { key, entry, prev } of changes) this.#move(key, prev?.lease, entry?.lease);
  }

  /** Takes {@link apply} back, together with all that waits. */
  undo(changes: readonly Change[]): void {
    for (const { key, entry, prev } of changes) {
      this.#move(key, entry?.lease, prev?.lease);
      const lease = entry?.lease === undefined ? undefined : this.#leases.get(entry.lease);
      if (lease?.onDisk === 'coming' && lease.keys.size === 0) lease.onDisk = 'no';
    }
  }

  #move(key: string, from: LeaseId | undefined, to: LeaseId | undefined): void {
    if (from === to) return;
    if (from !== undefined) this.#leases.get(from)?.keys.delete(key);
    const holder = to === undefined ? undefined : this.#leases.get(to);
    if (holder === undefined) return;
    holder.keys.add(key);
    if (holder.onDisk === 'no') holder.onDisk = 'coming';
  }

  #schedule(lease: Lease): void {
    lease.bucket = Math.max(Math.ceil(lease.deadlineMs / TICK_MS), this.#nextBucket);
    let bucket = this.#buckets.get(lease.bucket);
    if (bucket === undefined) this.#buckets.set(lease.bucket, (bucket = new Set()));
    bucket.add(lease);
  }
}

const fillRandom = drawnAhead(systemRandom.fill);
const drawn = new Uint32Array(2);
const drawnBytes = new Uint8Array(drawn.buffer);

/** 53 random bits, not 0: exact as a number in every language, and not to be guessed. */
function randomLeaseId(): LeaseId {
  fillRandom(drawnBytes);
  return (drawn[0]! >>> 11) * 2 ** 32 + drawn[1]! || randomLeaseId();
}
