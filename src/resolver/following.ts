import { experimental, Metadata, status } from '@grpc/grpc-js';
import type { ServiceView, ViewEvent } from '../client/index.js';
import { isRollcallError, RollcallError } from '../core/errors.js';
import type { Timer } from '../lib/clock.js';
import type { RegisteredClient } from './registered-clients.js';
import { ServiceEndpoints } from './service-endpoints.js';
import type { ServiceTarget } from './target.js';

/** What grpc-js is to be told. */
export interface Resolution {
  readonly endpoints: experimental.StatusOr<experimental.Endpoint[]>;
  /** Part of the error of calls that cannot be made. */
  readonly note: string;
}

export interface FollowingListener {
  /** Never called synchronously, and at most once a turn of the event loop. */
  deliver(resolution: Resolution): void;
  /** The service cannot be followed, as {@link deliver} was told. */
  refused(): void;
}

/** Follows one service for one channel, from construction until it is closed. */
export class Following {
  readonly #client: RegisteredClient;
  readonly #target: ServiceTarget;
  readonly #listener: FollowingListener;
  readonly #endpoints: ServiceEndpoints;
  #view: ServiceView | undefined;
  #closed = false;
  #known = false;
  #problem: RollcallError | undefined;
  #soon: Timer | undefined;
  #letGo: Timer | undefined;

  constructor(client: RegisteredClient, target: ServiceTarget, listener: FollowingListener) {
    this.#client = client;
    this.#target = target;
    this.#listener = listener;
    this.#endpoints = new ServiceEndpoints(target.service, client);
    void this.#follow();
  }

  close(): void {
    this.#closed = true;
    this.#view?.close();
    this.#soon?.cancel();
    this.#letGo?.cancel();
  }

  async #follow(): Promise<void> {
    const { client } = this.#client;
    const { service, namespace, selector } = this.#target;
    try {
      this.#view = client.watch(service, { namespace, selector });
      for await (const event of this.#view.changes()) this.#take(event, client.clock.monotonicMs());
      if (!this.#closed) throw new RollcallError('CLIENT_CLOSED', 'the Rollcall client was closed');
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#problem = isRollcallError(error) ? error : new RollcallError('INTERNAL', why, { cause: error });
      this.#deliverSoon(() => this.#listener.refused());
    }
  }

  #take(event: ViewEvent, nowMs: number): void {
    if (event.type !== 'status') {
      this.#known = true;
      this.#endpoints.apply(event, nowMs);
      this.#deliverSoon();
      return;
    }
    this.#problem = event.problem;
    // What is known stays as it is, however it is known.
    if (!this.#known && event.problem !== undefined) this.#deliverSoon();
  }

  #deliverSoon(then?: () => void): void {
    this.#soon?.cancel();
    this.#soon = this.#client.client.clock.soon(() => {
      this.#soon = undefined;
      this.#deliver();
      then?.();
    });
  }

  #deliver(): void {
    const { clock } = this.#client.client;
    const nowMs = clock.monotonicMs();
    this.#letGo?.cancel();
    if (this.#known) {
      const { targets, note } = this.#endpoints.listing(nowMs);
      const heldForMs = this.#endpoints.heldForMs(nowMs);
      if (heldForMs !== undefined) this.#letGo = clock.after(heldForMs, () => this.#deliverSoon());
      this.#listener.deliver({ endpoints: experimental.statusOrFromValue(targets), note });
    } else {
      const { service } = this.#target;
      const why = this.#problem === undefined ? '' : `: ${this.#problem.message}`;
      const details = `rollcall: nothing is known of ${service}${why}`;
      const error = { code: status.UNAVAILABLE, details, metadata: new Metadata() };
      this.#listener.deliver({ endpoints: experimental.statusOrFromError(error), note: details });
    }
  }
}
