import { LIMITS } from '../../core/limits.js';

/** After the connection has changed, every lease is renewed within this time, or a third of its TTL where that is less. */
export const HASTE_MS_MAX = 2_000;

/**
 * Which leases are to be renewed when: at a third of the TTL after the last
 * renewal was asked for, a little earlier by chance, so that the leases of many
 * processes that started together drift apart. Pure bookkeeping: times, on the
 * monotonic clock, and random numbers come in.
 */
export class RenewalSchedule {
  readonly #leases = new Map<bigint, { ttlMs: number; dueMs: number }>();

  get size(): number {
    return this.#leases.size;
  }

  /** Notes that a lease lives `ttlMs` from `nowMs` on. `fraction` is a random number in [0, 1). */
  renewed(leaseId: bigint, at: { ttlMs: number; nowMs: number; fraction: number }): void {
    const ttlMs = Math.max(at.ttlMs, LIMITS.ttlMsMin);
    const dueMs = at.nowMs + (ttlMs / 3) * (1 - 0.2 * at.fraction);
    this.#leases.set(leaseId, { ttlMs, dueMs });
  }

  /** Notes that a lease is being renewed: it is not due before it is known whether that succeeded. */
  asked(leaseId: bigint): void {
    this.postpone(leaseId, Infinity);
  }

  /** Notes that renewing failed, to be tried again at `dueMs`. */
  postpone(leaseId: bigint, dueMs: number): void {
    const lease = this.#leases.get(leaseId);
    if (lease !== undefined) lease.dueMs = dueMs;
  }

  /**
   * Makes every lease due within {@link HASTE_MS_MAX}: who is to renew them may not know them. `fraction` is a random
   * number in [0, 1), one for all leases, which so keep going in one message; it is processes that are to drift apart.
   */
  hasten(at: { nowMs: number; fraction: number }): void {
    for (const lease of this.#leases.values()) {
      // What is being asked for is not asked for twice.
      if (lease.dueMs === Infinity) continue;
      const withinMs = Math.min(lease.ttlMs / 3, HASTE_MS_MAX);
      lease.dueMs = Math.min(lease.dueMs, at.nowMs + withinMs * at.fraction);
    }
  }

  /** Whether the lease was there. */
  delete(leaseId: bigint): boolean {
    return this.#leases.delete(leaseId);
  }

  /** When this lease is due; Infinity when it is not there, or is being renewed. */
  dueMs(leaseId: bigint): number {
    return this.#leases.get(leaseId)?.dueMs ?? Infinity;
  }

  /** When the first lease is due; Infinity when there is none, or all are being renewed. */
  get nextDueMs(): number {
    let next = Infinity;
    for (const { dueMs } of this.#leases.values()) next = Math.min(next, dueMs);
    return next;
  }

  /** The leases that are due, and those that will be so soon that they may as well go in the same message. */
  due(nowMs: number): bigint[] {
    const due: bigint[] = [];
    for (const [leaseId, { ttlMs, dueMs }] of this.#leases) if (dueMs - ttlMs / 12 <= nowMs) due.push(leaseId);
    return due;
  }

  /** The shortest TTL among these leases; Infinity when none of them is there. */
  ttlMsMin(leaseIds: readonly bigint[]): number {
    return Math.min(...leaseIds.map((leaseId) => this.#leases.get(leaseId)?.ttlMs ?? Infinity));
  }
}
