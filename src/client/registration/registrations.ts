import { RollcallError } from '../../core/errors.js';
import type { Endpoint } from '../../gen/rollcall/v1/endpoint.js';
import type { Clock } from '../../lib/clock.js';
import { linkAbort } from '../../lib/linked-abort.js';
import type { Random } from '../../lib/random.js';
import { messageOf } from '../../lib/message-of.js';
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
  #ending: Promise<number> | undefined;
  /** Never resolves; rejected by {@link close}. */
  readonly #refusing: Promise<never>;
  #refuse: ((reason: RollcallError) => void) | undefined;
  #closed: RollcallError | undefined;

  constructor(context: RegistrationsContext) {
    this.#context = context;
    this.#refusing = new Promise((_, reject) => (this.#refuse = reject));
    this.#refusing.catch(() => undefined);
    this.#keeper = new LeaseKeeper(context);
    this.#lateAnswers = new LateAnswers(context);
  }

  /** Registers `wanted`, which has an id, and keeps it registered. See `RollcallClient.register`. */
  async register(
    wanted: Endpoint,
    { signal, ...options }: CallLimits & { readonly ttlMs: number | undefined },
  ): Promise<Registration> {
    if (this.#closed !== undefined) throw this.#closed;
    // The process is about to end. An error now could end it in the middle of ending well.
    if (this.#ending !== undefined) return this.#refusing;
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
   * Deregisters everything that is registered, or being registered. What no server could be told of lapses with its TTL.
   * Nothing can be registered any more: to register waits until {@link close} refuses it. Resolves to how many there
   * were, within the time that a call may take; idempotent; never throws.
   */
  deregisterAll(): Promise<number> {
    this.#ending ??= this.#deregisterAll();
    return this.#ending;
  }

  /** {@link deregisterAll}, at once for what is being registered. Idempotent; never throws. */
  async close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = new RollcallError('CLIENT_CLOSED', 'the client was closed');
      this.#refuse?.(this.#closed);
      this.#giveUpOpening(this.#closed);
    }
    await this.deregisterAll();
    await this.#lateAnswers.settled();
    this.#keeper.close();
  }

  async #deregisterAll(): Promise<number> {
    const { clock, callTimeoutMs } = this.#context;
    const late = new RollcallError('TIMED_OUT', `not registered within ${callTimeoutMs} ms of when it was to end`);
    const patience = clock.after(callTimeoutMs, () => this.#giveUpOpening(late));
    let count = 0;
    while (this.#open.size + this.#opening.size > 0) {
      const open = [...this.#open];
      count += open.length;
      await Promise.all([
        ...open.map((registration) => this.#deregister(registration)),
        Promise.allSettled(this.#opening.keys()),
      ]);
    }
    patience.cancel();
    return count;
  }

  #giveUpOpening(reason: RollcallError): void {
    for (const abort of this.#opening.values()) abort(reason);
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
      return registration;
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
      const message = messageOf(error);
      logger.warn({ id: registration.id, err: error }, `could not deregister ${registration.id}: ${message}`);
    }
  }
}
