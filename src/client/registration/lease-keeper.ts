import { toMs } from '../../core/duration.js';
import { isRollcallError, RollcallError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import type { LeaseRenewal } from '../../gen/rollcall/v1/registry.js';
import { fullJitterMs, type BackoffPolicy } from '../../lib/backoff.js';
import type { Clock, Timer } from '../../lib/clock.js';
import type { LinkedAbort } from '../../lib/linked-abort.js';
import type { Random } from '../../lib/random.js';
import { messageOf } from '../../lib/message-of.js';
import type { Connection } from '../connection/connection.js';
import type { LeaseGuard } from './lease-guard.js';
import { KeepAliveStream } from './keep-alive-stream.js';
import type { Link } from '../connection/link.js';
import type { ClientLogger } from '../logger.js';
import { HASTE_MS_MAX, RenewalSchedule } from './renewal-schedule.js';

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
  /** Told of every lease, if given. Closed with the keeper. */
  readonly guard?: LeaseGuard | undefined;
}

/** What was answered, and who answered. */
interface Renewed {
  readonly results: readonly LeaseRenewal[];
  readonly link: Link;
}

/** What is renewed in one message. */
interface Round {
  readonly leaseIds: readonly bigint[];
  /** For the answer; a connection is waited for as long as it takes. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Renews all leases of a client over one KeepAlive stream, and by unary calls
 * where no stream can be held: each at a third of its TTL, and all soon after
 * the connection was lost or made anew, since the server that is there now may
 * not know them. It never gives a lease up by itself: however late, only the
 * server's answer says that a lease is lost.
 *
 * The stream is open for as long as there are leases, so that the connection is
 * pinged, and its loss is noticed, in the hours between renewals too.
 */
export class LeaseKeeper {
  readonly #context: LeaseKeeperContext;
  readonly #schedule = new RenewalSchedule();
  readonly #onLost = new Map<bigint, () => void>();
  readonly #unsubscribe: () => void;
  #timer: Timer | undefined;
  /** When the timer fires. */
  #plannedMs = 0;
  #failures = 0;
  /** Of all that is done for the leases: there while there are any, ended with the last of them. */
  #scope: LinkedAbort | undefined;
  /** A connection that is being made for the leases' sake. */
  #connecting: Promise<Link> | undefined;
  #stream: KeepAliveStream | undefined;
  #streamFailures = 0;
  #streamNotBeforeMs = 0;

  constructor(context: LeaseKeeperContext) {
    this.#context = context;
    this.#unsubscribe = context.connection.onChange((link) => this.#onConnectionChange(link));
  }

  /** Keeps a lease that was just granted, until it is lost or forgotten. */
  keep({ leaseId, ttlMs, onLost }: KeptLease): void {
    this.#onLost.set(leaseId, onLost);
    this.#scope ??= this.#context.connection.scope();
    this.#noteRenewed(leaseId, ttlMs, this.#context.clock.monotonicMs());
    const { link } = this.#context.connection;
    // The connection on which it was granted is gone already.
    if (link === undefined) this.#hasten();
    else this.#openStream(link);
    // Looking through all leases for each new one would make many of them slow.
    if (this.#timer === undefined || this.#schedule.dueMs(leaseId) < this.#plannedMs) this.#plan();
  }

  /** Stops renewing a lease. */
  forget(leaseId: bigint): void {
    this.#schedule.delete(leaseId);
    this.#onLost.delete(leaseId);
    this.#context.guard?.forget(leaseId);
    if (this.#schedule.size === 0) this.#endAll();
  }

  /** Lets go of the stream; leases that are kept are no longer renewed. Idempotent. */
  close(): void {
    this.#unsubscribe();
    this.#context.guard?.close();
    this.#endAll();
  }

  #endAll(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#scope?.abort(new RollcallError('CLIENT_CLOSED', 'no lease is to be renewed any more'));
    this.#scope?.unlink();
    this.#scope = undefined;
    this.#dropStream();
  }

  #dropStream(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }

  #onConnectionChange(link: Link | undefined): void {
    if (link !== undefined) this.#context.guard?.noteServer(link.address);
    if (this.#stream?.link !== link) this.#dropStream();
    this.#hasten();
  }

  #hasten(): void {
    const { clock, random } = this.#context;
    if (this.#schedule.size === 0) return;
    this.#schedule.hasten({ nowMs: clock.monotonicMs(), fraction: random.fraction() });
    this.#plan();
  }

  #noteRenewed(leaseId: bigint, ttlMs: number, nowMs: number): void {
    this.#schedule.renewed(leaseId, { ttlMs, nowMs, fraction: this.#context.random.fraction() });
    this.#context.guard?.keep(leaseId, ttlMs);
  }

  #plan(): void {
    const { clock, connection } = this.#context;
    this.#timer?.cancel();
    this.#timer = undefined;
    // What falls due before there is a connection goes in one message once there is.
    if (connection.closed || this.#connecting !== undefined) return;
    const dueMs = this.#schedule.nextDueMs;
    if (dueMs === Infinity) return;
    this.#plannedMs = dueMs;
    this.#timer = clock.after(Math.max(0, dueMs - clock.monotonicMs()), () => void this.#renewDue());
  }

  async #renewDue(): Promise<void> {
    const { clock, logger, connection } = this.#context;
    const signal = this.#scope?.signal;
    if (signal === undefined) return;
    let leaseIds = this.#due();
    let timeoutMs = this.#timeoutMs(leaseIds);
    try {
      if (connection.link === undefined) {
        await this.#connect(timeoutMs, signal);
        leaseIds = this.#due();
        timeoutMs = this.#timeoutMs(leaseIds);
      }
      for (const leaseId of leaseIds) this.#schedule.asked(leaseId);
      // What falls due while this waits for its answer does not wait for that.
      this.#plan();
      // The one that was due was forgotten.
      if (leaseIds.length === 0) return;
      // The server counts from a later moment than this, so that we never count on more than it granted.
      const askedMs = clock.monotonicMs();
      const { results, link } = await this.#renew({ leaseIds, timeoutMs, signal });
      this.#take(results, askedMs);
      // Another server is asked from now on, which may not know what this one did.
      if (connection.link !== link) this.#hasten();
      if (this.#failures > 0) logger.info({ leases: leaseIds.length }, 'leases are being renewed again');
      this.#failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      const againMs = clock.monotonicMs() + this.#pauseMs(error, timeoutMs);
      for (const leaseId of leaseIds) this.#schedule.postpone(leaseId, againMs);
    }
    this.#plan();
  }

  /** At most a message's worth. */
  #due(): bigint[] {
    return this.#schedule.due(this.#context.clock.monotonicMs()).slice(0, LIMITS.leasesPerMessageMax);
  }

  #timeoutMs(leaseIds: readonly bigint[]): number {
    return Math.floor(Math.min(RENEW_TIMEOUT_MS, this.#schedule.ttlMsMin(leaseIds) / 3));
  }

  /** Says that renewing failed, once an outage, and returns how long to wait before it is tried again. */
  #pauseMs(error: unknown, timeoutMs: number): number {
    const { random } = this.#context;
    this.#warnOnce(error);
    const policy: BackoffPolicy = { baseMs: 200, maxMs: Math.min(timeoutMs, HASTE_MS_MAX) };
    return fullJitterMs(policy, this.#failures++, random.fraction());
  }

  #warnOnce(error: unknown): void {
    if (this.#failures > 0) return;
    const message = messageOf(error);
    this.#context.logger.warn({ err: error }, `cannot renew leases: ${message}; trying again`);
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

  /**
   * The connection, made if there is none, for as long as that takes: a limit would break off and begin anew what needs
   * longer. That it is not there within `lateMs` is worth a warning.
   */
  async #connect(lateMs: number, signal: AbortSignal): Promise<Link> {
    const { connection, clock } = this.#context;
    const late = clock.after(lateMs, () => {
      this.#warnOnce(connection.failure ?? new RollcallError('TIMED_OUT', `no connection within ${lateMs} ms`));
      this.#failures++;
    });
    this.#connecting ??= connection.connect(signal).finally(() => {
      this.#connecting = undefined;
      this.#plan();
    });
    try {
      return await this.#connecting;
    } finally {
      late.cancel();
    }
  }

  async #renew({ leaseIds, timeoutMs, signal }: Round): Promise<Renewed> {
    const { connection } = this.#context;
    const link = connection.link ?? (await this.#connect(timeoutMs, signal));
    const stream = this.#openStream(link);
    if (stream !== undefined && !stream.busy) {
      try {
        const results = checkResults(await stream.renew(leaseIds, timeoutMs), leaseIds);
        this.#streamFailures = 0;
        return { results, link };
      } catch (error) {
        if (signal.aborted || !isRollcallError(error)) throw error;
        // It answers, but not what it was asked.
        if (this.#stream === stream) this.#onStreamBroken(stream, error);
      }
    }
    return connection.attempt(
      connection.link ?? (await this.#connect(timeoutMs, signal)),
      async (answering, ended) => {
        const { results } = await answering.registry.renew({ leaseIds: [...leaseIds] }, { signal: ended });
        return { results: checkResults(results, leaseIds), link: answering };
      },
      { signal, timeoutMs },
    );
  }

  /** The stream, opened on this connection if there is none; undefined where streams broke of late. */
  #openStream(link: Link): KeepAliveStream | undefined {
    const { connection, clock } = this.#context;
    if (this.#stream === undefined && clock.monotonicMs() >= this.#streamNotBeforeMs && !connection.closed) {
      const stream: KeepAliveStream = new KeepAliveStream(link, {
        clock,
        scope: connection.scope(),
        onBroken: (error) => this.#onStreamBroken(stream, error),
      });
      this.#stream = stream;
    }
    return this.#stream;
  }

  #onStreamBroken(stream: KeepAliveStream, error: unknown): void {
    const { connection, clock, random, logger } = this.#context;
    if (this.#stream !== stream || connection.closed) return;
    this.#dropStream();
    logger.debug({ err: error }, 'the KeepAlive stream broke; renewing by single calls');
    const delayMs =
      this.#streamFailures === 0 ? 0 : fullJitterMs(STREAM_BACKOFF, this.#streamFailures, random.fraction());
    this.#streamFailures++;
    this.#streamNotBeforeMs = clock.monotonicMs() + delayMs;
    // That no stream can be held may be a proxy's doing: whether it is the wrong server, a single call finds out.
    if (isRollcallError(error) && error.retryable) connection.blame(stream.link, error);
    this.#hasten();
  }
}

/** @throws RollcallError UNEXPECTED_STATUS unless there is one result a lease, in the order asked */
function checkResults(results: LeaseRenewal[], leaseIds: readonly bigint[]): LeaseRenewal[] {
  const inOrder = leaseIds.every((leaseId, index) => results[index]?.leaseId === leaseId);
  if (inOrder && results.length === leaseIds.length) return results;
  throw new RollcallError('UNEXPECTED_STATUS', 'the results of a renewal are not those of the leases asked for');
}
