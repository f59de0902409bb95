import { isRollcallError, RollcallError } from '../../core/errors.js';
import type { Endpoint } from '../../gen/rollcall/v1/endpoint.js';
import type { RegisterResponse } from '../../gen/rollcall/v1/registry.js';
import type { Clock } from '../../lib/clock.js';
import { messageOf } from '../../lib/message-of.js';
import type { Connection } from '../connection/connection.js';
import type { ClientLogger } from '../logger.js';

/** A call of Register whose answer nobody waits for any more. */
export interface AbandonedRegister {
  readonly endpoint: Endpoint;
  readonly answer: Promise<RegisterResponse>;
  /** Ends the call. */
  cancel(reason: unknown): void;
}

export interface LateAnswersContext {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly logger: ClientLogger;
  /** How long to wait for an answer, and to deregister what it registered, together. */
  readonly callTimeoutMs: number;
}

/**
 * Takes back registrations whose answer comes when they are no longer wanted.
 * Without it, an endpoint whose process closed its client at the wrong moment
 * would be listed until its TTL has passed. Best effort: what cannot be taken
 * back in time lapses.
 */
export class LateAnswers {
  readonly #context: LateAnswersContext;
  /** Each with the id of the endpoint that is being taken back. */
  readonly #underWay = new Map<Promise<void>, string>();

  constructor(context: LateAnswersContext) {
    this.#context = context;
  }

  takeBack(register: AbandonedRegister): void {
    const done = this.#takeBack(register).finally(() => this.#underWay.delete(done));
    this.#underWay.set(done, register.endpoint.id);
  }

  /** Resolves when no endpoint is being taken back any more, or none with this id. Never rejects. */
  async settled(endpointId?: string): Promise<void> {
    for (;;) {
      const awaited = [...this.#underWay].filter(([, id]) => endpointId === undefined || id === endpointId);
      if (awaited.length === 0) return;
      await Promise.all(awaited.map(([done]) => done));
    }
  }

  async #takeBack({ endpoint, answer, cancel }: AbandonedRegister): Promise<void> {
    const { connection, clock, logger, callTimeoutMs } = this.#context;
    const { namespace, service, id: endpointId } = endpoint;
    const endsMs = clock.monotonicMs() + callTimeoutMs;
    const deadline = clock.after(callTimeoutMs, () => {
      cancel(new RollcallError('TIMED_OUT', `no answer within ${callTimeoutMs} ms`));
    });
    const release = connection.hold();
    try {
      const { leaseId } = await answer;
      await connection.call(
        (link, signal) => link.registry.deregister({ namespace, service, endpointId, leaseId }, { signal }),
        { timeoutMs: endsMs - clock.monotonicMs() },
      );
    } catch (error) {
      // Another registration has taken the id over, and holds it.
      if (isRollcallError(error, 'LEASE_MISMATCH')) return;
      const why = messageOf(error);
      logger.debug({ service, id: endpointId, err: error }, `${endpointId} may be registered until its TTL: ${why}`);
    } finally {
      release();
      deadline.cancel();
    }
  }
}
