import { LIMITS } from '../../core/limits.js';

/** How often to look whether the main thread's event loop turns, where the shortest TTL is this one. */
export function lookEveryMs(ttlMs: number): number {
  return Math.min(1_000, Math.max(ttlMs, LIMITS.ttlMsMin) / 24);
}

interface Lease {
  readonly ttlMs: number;
  /** When a renewal that succeeded during the present block was asked for. */
  renewedMs: number | undefined;
}

/**
 * Which leases are to be renewed when, while the event loop that should do it
 * is blocked. That loop is heard of by its beats. While it beats, it renews each
 * lease at a third of its TTL; a lease is therefore at most that old when the
 * beats stop, and half its TTL old a sixth of the TTL later, when it is due
 * here. From then on it is due at each further third.
 *
 * Pure bookkeeping: times come in, on one monotonic clock.
 */
export class BlockedRenewals {
  readonly #blockedMsMax: number;
  readonly #leases = new Map<bigint, Lease>();
  #beatMs: number;

  /**
   * @param blockedMsMax a loop that has not beaten for longer is as good as dead, and nothing is due any more
   * @param nowMs when there was a beat for the first time
   */
  constructor(blockedMsMax: number, nowMs: number) {
    this.#blockedMsMax = blockedMsMax;
    this.#beatMs = nowMs;
  }

  keep(leaseId: bigint, ttlMs: number): void {
    this.#leases.set(leaseId, { ttlMs: Math.max(ttlMs, LIMITS.ttlMsMin), renewedMs: undefined });
  }

  forget(leaseId: bigint): void {
    this.#leases.delete(leaseId);
  }

  /** The loop turns, and renews by itself. */
  beat(nowMs: number): void {
    this.#beatMs = nowMs;
    for (const lease of this.#leases.values()) lease.renewedMs = undefined;
  }

  /** At most a message's worth. */
  due(nowMs: number): bigint[] {
    const blockedMs = nowMs - this.#beatMs;
    if (blockedMs > this.#blockedMsMax) return [];
    const due: bigint[] = [];
    for (const [leaseId, { ttlMs, renewedMs }] of this.#leases) {
      const isDue = renewedMs === undefined ? blockedMs >= ttlMs / 6 : nowMs - renewedMs >= ttlMs / 3;
      if (isDue) due.push(leaseId);
      if (due.length === LIMITS.leasesPerMessageMax) break;
    }
    return due;
  }

  /** Notes that a renewal that was asked for at `askedMs` was answered. */
  renewed(leaseIds: readonly bigint[], askedMs: number): void {
    for (const leaseId of leaseIds) {
      const lease = this.#leases.get(leaseId);
      if (lease !== undefined) lease.renewedMs = askedMs;
    }
  }

  /** The shortest TTL among these leases; Infinity when none of them is there. */
  ttlMsMin(leaseIds: readonly bigint[]): number {
    return Math.min(...leaseIds.map((leaseId) => this.#leases.get(leaseId)?.ttlMs ?? Infinity));
  }
}
