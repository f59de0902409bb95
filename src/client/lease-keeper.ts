import { toMs } from '../core/duration.js';
import { isRollcallError, RollcallError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import type { LeaseRenewal } from '../gen/rollcall/v1/registry.js';
import { fullJitterMs, type BackoffPolicy } from '../lib/backoff.js';
import type { Clock, Timer } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import type { Connection } from './connection.js';
import { KeepAliveStream } from './keep-alive-stream.js';
import type { ClientLogger } from './logger.js';
import { RenewalSchedule } from './renewal-schedule.js';

/** Between attempts to open a stream where streams break. */
const STREAM_BACKOFF: BackoffPolicy = { baseMs: 1_000, maxMs: 60_000 };

/** An answer to a renewal may take this long, or a third of the TTL where that is less. */
const RENEW_TIMEOUT_MS = 5_000;

export interface KeptLease {
  readonly leaseId: bigint;
  readonly ttlMs: number;
  /** The server does not know the lease any more. Called at most once; the lease is no longer kept. */
  onLost(): void;
}

export interface LeaseKeeperContext {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: ClientLogger;
}

/**
 * Renews all leases of a client over one KeepAlive stream, and by unary calls
 * where no stream can be held. It never gives a lease up by itself: however
 * late, only the server's answer says that a lease is lost.
 */
export class LeaseKeeper {
  readonly #context: LeaseKeeperContext;
  readonly #schedule = new RenewalSchedule();
  readonly #onLost = new Map<bigint, () => void>();
  #timer: Timer | undefined;
  /** When the timer fires. */
  #plannedMs = 0;
  #renewing = false;
  #failures = 0;
  #stream: KeepAliveStream | undefined;
  #streamFailures = 0;
  #streamNotBeforeMs = 0;

  constructor(context: LeaseKeeperContext) {
    this.#context = context;
  }

  /** Keeps a lease that was just granted, until it is lost or forgotten. */
  keep({ leaseId, ttlMs, onLost }: KeptLease): void {
    this.#onLost.set(leaseId, onLost);
    this.#noteRenewed(leaseId, ttlMs, this.#context.clock.monotonicMs());
    // Looking through all leases for each new one would make many of them slow.
    if (this.#timer === undefined || this.#schedule.dueMs(leaseId) < this.#plannedMs) this.#plan();
  }

  /** Stops renewing a lease. */
  forget(leaseId: bigint): void {
    this.#schedule.delete(leaseId);
    this.#onLost.delete(leaseId);
    if (this.#schedule.size === 0) this.#plan();
  }

  /** Lets go of the stream; leases that are kept are no longer renewed. Idempotent. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#stream?.close();
    this.#stream = undefined;
  }

  #noteRenewed(leaseId: bigint, ttlMs: number, nowMs: number): void {
    this.#schedule.renewed(leaseId, { ttlMs, nowMs, fraction: this.#context.random.fraction() });
  }

  #plan(): void {
    const { clock, connection } = this.#context;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#renewing || connection.closed) return;
    const dueMs = this.#schedule.nextDueMs;
    if (dueMs === undefined) {
      this.close();
      return;
    }
    this.#plannedMs = dueMs;
    this.#timer = clock.after(Math.max(0, dueMs - clock.monotonicMs()), () => void this.#renewDue());
  }

  async #renewDue(): Promise<void> {
    const { clock, random, logger, connection } = this.#context;
    this.#renewing = true;
    const leaseIds = this.#schedule.due(clock.monotonicMs()).slice(0, LIMITS.leasesPerMessageMax);
    const timeoutMs = Math.floor(Math.min(RENEW_TIMEOUT_MS, this.#schedule.ttlMsMin(leaseIds) / 3));
    try {
      // The server counts from a later moment than this, so that we never count on more than it granted.
      const askedMs = clock.monotonicMs();
      this.#take(await this.#renew(leaseIds, timeoutMs), askedMs);
      if (this.#failures > 0) logger.info({ leases: leaseIds.length }, 'leases are being renewed again');
      this.#failures = 0;
    } catch (error) {
      if (!connection.closed) {
        const message = error instanceof Error ? error.message : String(error);
        if (this.#failures === 0) logger.warn({ err: error }, `cannot renew leases: ${message}; trying again`);
        const policy: BackoffPolicy = { baseMs: 200, maxMs: timeoutMs };
        const againMs = clock.monotonicMs() + fullJitterMs(policy, this.#failures++, random.fraction());
        for (const leaseId of leaseIds) this.#schedule.postpone(leaseId, againMs);
      }
    }
    this.#renewing = false;
    this.#plan();
  }

  #take(results: readonly LeaseRenewal[], askedMs: number): void {
    for (const { leaseId, found, ttl } of results) {
      const onLost = this.#onLost.get(leaseId);
      // Forgotten while the answer was on its way.
      if (onLost === undefined) continue;
      if (found && ttl !== undefined) {
        this.#noteRenewed(leaseId, toMs(ttl), askedMs);
      } else {
        this.forget(leaseId);
        onLost();
      }
    }
  }

  async #renew(leaseIds: readonly bigint[], timeoutMs: number): Promise<LeaseRenewal[]> {
    const { connection } = this.#context;
    const stream = await this.#openStream(timeoutMs);
    if (stream !== undefined) {
      try {
        const results = await stream.renew(leaseIds, timeoutMs);
        this.#streamFailures = 0;
        return checkResults(results, leaseIds);
      } catch (error) {
        if (connection.closed || !isRollcallError(error)) throw error;
        connection.blame(stream.link, error);
        this.#noteStreamFailure(error);
      }
    }
    const { results } = await connection.call(
      (link, signal) => link.registry.renew({ leaseIds: [...leaseIds] }, { signal }),
      { timeoutMs },
    );
    return checkResults(results, leaseIds);
  }

  /** The stream, unless streams broke of late. */
  async #openStream(timeoutMs: number): Promise<KeepAliveStream | undefined> {
    const { connection, clock } = this.#context;
    if (this.#stream === undefined && clock.monotonicMs() >= this.#streamNotBeforeMs) {
      const link = await connection.call((connected) => Promise.resolve(connected), { timeoutMs });
      this.#stream = new KeepAliveStream(link, clock, connection.scope());
    }
    return this.#stream;
  }

  #noteStreamFailure(error: unknown): void {
    const { clock, random, logger } = this.#context;
    logger.debug({ err: error }, 'the KeepAlive stream broke; renewing by single calls');
    this.#stream = undefined;
    const delayMs =
      this.#streamFailures === 0 ? 0 : fullJitterMs(STREAM_BACKOFF, this.#streamFailures, random.fraction());
    this.#streamFailures++;
    this.#streamNotBeforeMs = clock.monotonicMs() + delayMs;
  }
}

/** @throws RollcallError UNEXPECTED_STATUS unless there is one result a lease, in the order asked */
function checkResults(results: LeaseRenewal[], leaseIds: readonly bigint[]): LeaseRenewal[] {
  const inOrder = leaseIds.every((leaseId, index) => results[index]?.leaseId === leaseId);
  if (inOrder && results.length === leaseIds.length) return results;
  throw new RollcallError('UNEXPECTED_STATUS', 'the results of a renewal are not those of the leases asked for');
}
