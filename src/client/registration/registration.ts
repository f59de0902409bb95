import { toDuration, toMs } from '../../core/duration.js';
import { isRollcallError, RollcallError } from '../../core/errors.js';
import { DEFAULTS } from '../../core/limits.js';
import { uuid7 } from '../../core/uuid7.js';
import type { Endpoint } from '../../gen/rollcall/v1/endpoint.js';
import type { RegisterResponse } from '../../gen/rollcall/v1/registry.js';
import { fullJitterMs, type BackoffPolicy } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { orAbort } from '../../lib/linked-abort.js';
import type { Random } from '../../lib/random.js';
import { Semaphore } from '../../lib/semaphore.js';
import { sleep } from '../../lib/sleep.js';
import { messageOf } from '../../lib/message-of.js';
import { checkUpdate } from '../check-endpoint.js';
import { checkOptions } from '../check-options.js';
import type { CallLimits, Connection } from '../connection/connection.js';
import { applyUpdate, type EndpointUpdate } from '../endpoint-init.js';
import type { LateAnswers } from './late-answers.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { ClientLogger } from '../logger.js';

/** Between attempts to register anew what is refused, or lost again and again. */
const ANEW_BACKOFF: BackoffPolicy = { baseMs: 1_000, maxMs: 30_000 };

/** A lease lost sooner than this after it was granted may be lost again as soon. */
const QUICK_LOSS_MS = 60_000;

/**
 * Where a registration stands.
 *
 *     register()             lease not found
 *        │     ┌────────────┐ ─────────────► ┌──────┐
 *        └───► │ registered │                │ lost │
 *              └─────┬──────┘ ◄───────────── └──┬───┘
 *                    │         registered anew  │
 *                    └────────► closed ◄────────┘
 */
export type RegistrationState =
  /** Held by a lease that is being renewed. */
  | {
      readonly kind: 'registered';
      /** As the server has stored it. */
      readonly endpoint: Endpoint;
      readonly leaseId: bigint;
      readonly ttlMs: number;
      /** A read or watch with this token sees the registration as it is here. */
      readonly resumeToken: string;
    }
  /** The lease has lapsed, or another registration took the id over. It is being registered anew. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'closed' };

export interface RegistrationContext {
  readonly connection: Connection;
  readonly keeper: LeaseKeeper;
  readonly lateAnswers: LateAnswers;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: ClientLogger;
  /** For each call that the application waits for, unless it says otherwise. */
  readonly callTimeoutMs: number;
  /** Told once, when the registration is closed. */
  readonly onClosed: (registration: Registration) => void;
}

/**
 * One endpoint, kept registered until it is closed. Owned by the application;
 * closing the client closes it too.
 */
export class Registration implements AsyncDisposable {
  readonly #context: RegistrationContext;
  readonly #ttlMs: number | undefined;
  readonly #closing = new AbortController();
  /** One update at a time, so that the last one to be asked for is the last to take effect. */
  readonly #updates = new Semaphore(1);
  /** What the application last set, and what is registered anew. */
  #wanted: Endpoint;
  #state: RegistrationState;
  #registeredMs: number;
  /** How many times in a row the lease was lost within {@link QUICK_LOSS_MS}. */
  #quickLosses = 0;
  #back: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  private constructor(
    wanted: Endpoint,
    ttlMs: number | undefined,
    response: RegisterResponse,
    context: RegistrationContext,
  ) {
    this.#wanted = wanted;
    this.#ttlMs = ttlMs;
    this.#context = context;
    this.#registeredMs = context.clock.monotonicMs();
    this.#state = this.#keep(response);
  }

  /** Registers `wanted`, which has an id. Applications call `RollcallClient.register`. */
  static async open(
    wanted: Endpoint,
    options: CallLimits & { readonly ttlMs?: number | undefined },
    context: RegistrationContext,
  ): Promise<Registration> {
    const response = await callRegister(wanted, options.ttlMs, options, context);
    return new Registration(wanted, options.ttlMs, response, context);
  }

  get state(): RegistrationState {
    return this.#state;
  }

  /** The endpoint's id; the same for as long as this object lives. */
  get id(): string {
    return this.#wanted.id;
  }

  /**
   * Changes weight, labels, metadata or health, and waits until the change is
   * stored; while the registration is lost, first until it is back.
   *
   * @returns the endpoint as stored
   * @throws RollcallError INVALID_FIELD; TIMED_OUT or what kept failing, after which the change may have been made, and
   *   is kept for a registration anew only if a server said that it was; CLIENT_CLOSED
   */
  async update(update: EndpointUpdate, options: Partial<CallLimits> = {}): Promise<Endpoint> {
    checkOptions('limits', options);
    checkUpdate(this.#wanted, update);
    const { connection, callTimeoutMs } = this.#context;
    const { signal, timeoutMs = callTimeoutMs } = options;
    const late = `the update was not stored within ${timeoutMs} ms`;
    const scope = connection.limitedScope({ signal, timeoutMs }, late, this.#closing.signal);
    try {
      return await this.#updates.run(() => this.#updateUntilStored(update, scope.signal), scope.signal);
    } finally {
      scope.unlink();
    }
  }

  /**
   * Stops renewing and deregisters. If another registration has taken the id
   * over, that one is left alone. Idempotent.
   *
   * @throws RollcallError when no server could be told in time, or the signal's reason; the endpoint then lapses with its
   *   TTL
   */
  async close(options: Partial<CallLimits> = {}): Promise<void> {
    checkOptions('limits', options);
    this.#closed ??= this.#close({ timeoutMs: this.#context.callTimeoutMs, ...options });
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #updateUntilStored(update: EndpointUpdate, signal: AbortSignal): Promise<Endpoint> {
    const { connection } = this.#context;
    for (;;) {
      await orAbort(this.#back, signal);
      signal.throwIfAborted();
      if (this.#state.kind !== 'registered') continue;
      const { leaseId } = this.#state;
      const { endpoint, paths: updateMask } = applyUpdate(this.#wanted, update);
      try {
        const response = await connection.call(
          (link, attempt) => link.registry.updateEndpoint({ endpoint, updateMask, leaseId }, { signal: attempt }),
          { signal, timeoutMs: Infinity },
        );
        this.#wanted = endpoint;
        // What was stored under a lease that was lost meanwhile may have been replaced by what was wanted before.
        if (!this.#isHeldBy(leaseId)) continue;
        const stored = response.endpoint ?? endpoint;
        this.#state = { ...this.#state, endpoint: stored, resumeToken: response.resumeToken };
        return stored;
      } catch (error) {
        if (!isLostLease(error)) throw error;
        this.#lose(leaseId);
      }
    }
  }

  /** Has the lease of a registration renewed, and returns the state that it makes. */
  #keep({ endpoint, leaseId, ttl, resumeToken }: RegisterResponse): RegistrationState {
    const ttlMs = ttl === undefined ? DEFAULTS.ttlMs : toMs(ttl);
    this.#context.keeper.keep({ leaseId, ttlMs, onLost: () => this.#lose(leaseId) });
    return { kind: 'registered', endpoint: endpoint ?? this.#wanted, leaseId, ttlMs, resumeToken };
  }

  #isHeldBy(leaseId: bigint): boolean {
    return this.#state.kind === 'registered' && this.#state.leaseId === leaseId;
  }

  /** The lease is gone, as the server said; unless this registration is under another one already. */
  #lose(leaseId: bigint): void {
    const { keeper, clock, logger } = this.#context;
    if (!this.#isHeldBy(leaseId)) return;
    const quick = clock.monotonicMs() - this.#registeredMs < QUICK_LOSS_MS;
    this.#quickLosses = quick ? this.#quickLosses + 1 : 0;
    this.#state = { kind: 'lost' };
    keeper.forget(leaseId);
    const { service, id } = this.#wanted;
    logger.warn({ service, id }, `the registration of ${id} in ${service} was lost; registering anew`);
    this.#back = this.#registerAnew();
  }

  /** Never gives up before the registration is closed, and never throws. */
  async #registerAnew(): Promise<void> {
    const { clock, random, logger } = this.#context;
    const { service, id } = this.#wanted;
    const signal = this.#closing.signal;
    // Two processes with one id take it from each other for ever. They need not do it in a hurry. But losing it once is
    // what a server does that came back empty, and that wants mending at once.
    let failures = Math.max(0, this.#quickLosses - 1);
    for (;;) {
      try {
        if (failures > 0) await sleep(clock, fullJitterMs(ANEW_BACKOFF, failures - 1, random.fraction()), signal);
        const limits = { signal, timeoutMs: Infinity };
        const response = await callRegister(this.#wanted, this.#ttlMs, limits, this.#context);
        this.#registeredMs = clock.monotonicMs();
        this.#state = this.#keep(response);
        logger.info({ service, id }, `${id} in ${service} is registered again`);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const message = messageOf(error);
        logger.error({ service, id, err: error }, `cannot register ${id} in ${service}: ${message}; trying again`);
        failures++;
      }
    }
  }

  async #close(limits: CallLimits): Promise<void> {
    const { keeper, connection, onClosed } = this.#context;
    const state = this.#state;
    const { namespace, service, id: endpointId } = this.#wanted;
    this.#closing.abort(new RollcallError('CLIENT_CLOSED', `the registration of ${endpointId} was closed`));
    this.#state = { kind: 'closed' };
    try {
      if (state.kind !== 'registered') {
        await this.#registeringAnewEnded(limits);
        return;
      }
      const { leaseId } = state;
      keeper.forget(leaseId);
      await connection.call(
        (link, signal) => link.registry.deregister({ namespace, service, endpointId, leaseId }, { signal }),
        limits,
      );
    } catch (error) {
      // Another registration has taken the id over, and holds it.
      if (!isRollcallError(error, 'LEASE_MISMATCH')) throw error;
    } finally {
      onClosed(this);
    }
  }

  /** It was being registered anew, and that may have been asked for already. */
  async #registeringAnewEnded(limits: CallLimits): Promise<void> {
    const { connection, lateAnswers } = this.#context;
    const { id } = this.#wanted;
    const scope = connection.limitedScope(limits, `${id} was not taken back within ${limits.timeoutMs} ms`);
    try {
      await orAbort(this.#back, scope.signal);
      await orAbort(lateAnswers.settled(id), scope.signal);
    } finally {
      scope.unlink();
    }
  }
}

/** Repeats of one call have one effect: the id is the client's own, and so is the request id. */
function callRegister(
  endpoint: Endpoint,
  ttlMs: number | undefined,
  limits: CallLimits,
  { connection, lateAnswers, clock, random }: RegistrationContext,
): Promise<RegisterResponse> {
  const requestId = uuid7(clock.wallMs(), (bytes) => random.fill(bytes));
  const ttl = ttlMs === undefined ? undefined : toDuration(ttlMs);
  return connection.call(async (link, signal) => {
    const call = new AbortController();
    const cancel = (reason: unknown): void => call.abort(reason);
    const answer = link.registry.register({ endpoint, ttl, requestId }, { signal: call.signal });
    try {
      return await orAbort(answer, signal);
    } catch (error) {
      if (limits.signal?.aborted === true) lateAnswers.takeBack({ endpoint, answer, cancel });
      else cancel(error);
      throw error;
    }
  }, limits);
}

function isLostLease(error: unknown): boolean {
  return (
    isRollcallError(error, 'ENDPOINT_NOT_FOUND') ||
    isRollcallError(error, 'LEASE_MISMATCH') ||
    isRollcallError(error, 'LEASE_NOT_FOUND')
  );
}
