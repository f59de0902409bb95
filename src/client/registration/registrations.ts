import { RollcallError } from '../../core/errors.js';
import type { Endpoint } from '../../gen/rollcall/v1/endpoint.js';
import type { Clock } from '../../lib/clock.js';
import { linkAbort } from '../../lib/linked-abort.js';
import type { Random } from '../../lib/random.js';
import type { CallLimits, Connection } from '../connection/connection.js';
import { LateAnswers } from './late-answers.js';
import type { LeaseGuard } from './lease-guard.js';
import { LeaseKeeper } from './lease-keeper.js';
import type { ClientLogger } from '../logger.js';
import { Registration } from './registration.js';

export interface RegistrationsContext {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: ClientLogger;
  /** For each call that the application waits for, unless it says otherwise. */
  readonly callTimeoutMs: number;
  /** Undefined where leases are not renewed while the event loop is blocked. Closed with the registrations. */
  readonly guard: LeaseGuard | undefined;
}

/** The registrations of one client, and those under way. */
export class Registrations {
  readonly #context: RegistrationsContext;
  readonly #keeper: LeaseKeeper;
  readonly #lateAnswers: LateAnswers;
  readonly #open = new Set<Registration>();
  /** What {@link close} ends. */
  readonly #opening = new Map<Promise<Registration>, (reason: unknown) => void>();
  #closed: RollcallError | undefined;

  constructor(context: RegistrationsContext) {
    this.#context = context;
    this.#keeper = new LeaseKeeper(context);
    this.#lateAnswers = new LateAnswers(context);
  }

  /** Registers `wanted`, which has an id, and keeps it registered. See `RollcallClient.register`. */
  async register(
    wanted: Endpoint,
    { signal, ...options }: CallLimits & { readonly ttlMs: number | undefined },
  ): Promise<Registration> {
    if (this.#closed !== undefined) throw this.#closed;
    const scope = linkAbort(signal);
    const opening = this.#register(wanted, { ...options, signal: scope.signal });
    this.#opening.set(opening, scope.abort);
    try {
      return await opening;
    } finally {
      this.#opening.delete(opening);
      scope.unlink();
    }
  }

  /**
   * Deregisters everything that is registered. What no server could be told of lapses with its TTL. Resolves to how many
   * there were; never throws.
   */
  async deregisterAll(): Promise<number> {
    const open = [...this.#open];
    await Promise.all(open.map((registration) => this.#deregister(registration)));
    return open.length;
  }

  /** {@link deregisterAll}, what is being registered too, and nothing can be registered any more. Idempotent; never throws. */
  async close(): Promise<void> {
    this.#closed ??= new RollcallError('CLIENT_CLOSED', 'the client was closed');
    for (const abort of this.#opening.values()) abort(this.#closed);
    await Promise.all([this.deregisterAll(), Promise.allSettled(this.#opening.keys())]);
    await this.#lateAnswers.settled();
    this.#keeper.close();
  }

  async #register(
    wanted: Endpoint,
    options: CallLimits & { readonly ttlMs: number | undefined },
  ): Promise<Registration> {
    const release = this.#context.connection.hold();
    try {
      const registration = await Registration.open(wanted, options, {
        ...this.#context,
        keeper: this.#keeper,
        lateAnswers: this.#lateAnswers,
        onClosed: (closed) => {
          this.#open.delete(closed);
          release();
        },
      });
      this.#open.add(registration);
      // The answer came first, but close has looked for registrations before this one was there.
      if (this.#closed === undefined) return registration;
      await this.#deregister(registration);
      throw this.#closed;
    } catch (error) {
      release();
      throw error;
    }
  }

  async #deregister(registration: Registration): Promise<void> {
    try {
      await registration.close();
    } catch (error) {
      const { logger } = this.#context;
      const message = error instanceof Error ? error.message : String(error);
      logger.warn({ id: registration.id, err: error }, `could not deregister ${registration.id}: ${message}`);
    }
  }
}
