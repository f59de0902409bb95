import { experimental, Metadata, status } from '@grpc/grpc-js';
import type { ServiceView, ViewEvent } from '../client/index.js';
import { isRollcallError, RollcallError } from '../core/errors.js';
import type { Timer } from '../lib/clock.js';
import { sleep } from '../lib/sleep.js';
import type { RegisteredClient } from './registered-clients.js';
import { ServiceEndpoints } from './service-endpoints.js';
import type { ServiceTarget } from './target.js';

/** After a server has refused the watch for good, it is asked again: it may have been the wrong one, or misconfigured. */
const REFUSED_PAUSE_MS = 5_000;

/** What grpc-js is to be told. */
export interface Resolution {
  readonly endpoints: experimental.StatusOr<experimental.Endpoint[]>;
  /** Part of the error of calls that cannot be made. */
  readonly note: string;
}

/**
 * Follows one service for one channel, from construction until it is closed, whatever happens to servers.
 *
 * `deliver` is never called synchronously, at most once a turn of the event loop, and after the first time only with
 * something else than before: to grpc-js every list is news, for which some policies make all their connections anew.
 */
export class Following {
  readonly #client: RegisteredClient;
  readonly #target: ServiceTarget;
  readonly #deliver: (resolution: Resolution) => void;
  readonly #endpoints: ServiceEndpoints;
  readonly #closing = new AbortController();
  #view: ServiceView | undefined;
  #known = false;
  #problem: RollcallError | undefined;
  #delivered: Resolution | undefined;
  #soon: Timer | undefined;
  #letGo: Timer | undefined;

  constructor(client: RegisteredClient, target: ServiceTarget, deliver: (resolution: Resolution) => void) {
    this.#client = client;
    this.#target = target;
    this.#deliver = deliver;
    this.#endpoints = new ServiceEndpoints(target.service, client);
    void this.#follow();
  }

  /** Delivers nothing from now on. Idempotent. */
  close(): void {
    this.#closing.abort();
    this.#view?.close();
    this.#soon?.cancel();
    this.#letGo?.cancel();
  }

  /** Never throws. */
  async #follow(): Promise<void> {
    const { client } = this.#client;
    const { signal } = this.#closing;
    for (;;) {
      const error = await this.#watch();
      if (signal.aborted) return;
      this.#problem = error;
      this.#changed();
      if (client.closed) return;
      try {
        await sleep(client.clock, REFUSED_PAUSE_MS, signal);
      } catch {
        // Only the signal ends a sleep early.
        return;
      }
    }
  }

  /** Resolves to why the view has come to an end. */
  async #watch(): Promise<RollcallError> {
    const { client } = this.#client;
    const { service, namespace, selector } = this.#target;
    try {
      this.#view = client.watch(service, { namespace, selector });
      for await (const event of this.#view.changes()) this.#take(event);
      return new RollcallError('CLIENT_CLOSED', 'the Rollcall client was closed');
    } catch (error) {
      if (isRollcallError(error)) return error;
      return new RollcallError('INTERNAL', String(error), { cause: error });
    } finally {
      this.#view?.close();
    }
  }

  #take(event: ViewEvent): void {
    if (event.type === 'status') {
      this.#problem = event.problem;
      // What is known stays as it is, however it is known; and with no answer and no problem, there is nothing to tell.
      if (this.#known || event.problem === undefined) return;
    } else {
      this.#known = true;
      this.#endpoints.apply(event, this.#client.client.clock.monotonicMs());
    }
    this.#changed();
  }

  #changed(): void {
    // An event may have been on its way when this was closed.
    if (this.#closing.signal.aborted) return;
    this.#soon ??= this.#client.client.clock.soon(() => {
      this.#soon = undefined;
      const resolution = this.#known ? this.#list() : this.#unknown();
      if (this.#delivered !== undefined && sameResolution(this.#delivered, resolution)) return;
      this.#delivered = resolution;
      this.#deliver(resolution);
    });
  }

  #list(): Resolution {
    const { clock } = this.#client.client;
    const nowMs = clock.monotonicMs();
    const { targets, note } = this.#endpoints.listing(nowMs);
    const heldForMs = this.#endpoints.heldForMs(nowMs);
    this.#letGo?.cancel();
    if (heldForMs !== undefined) this.#letGo = clock.after(heldForMs, () => this.#changed());
    return { endpoints: experimental.statusOrFromValue(targets), note };
  }

  #unknown(): Resolution {
    const why = this.#problem === undefined ? '' : `: ${this.#problem.message}`;
    const details = `rollcall: nothing is known of ${this.#target.service}${why}`;
    const error = { code: status.UNAVAILABLE, details, metadata: new Metadata() };
    return { endpoints: experimental.statusOrFromError(error), note: details };
  }
}

function sameResolution(one: Resolution, other: Resolution): boolean {
  if (one.note !== other.note || one.endpoints.ok !== other.endpoints.ok) return false;
  // The details of errors are in the notes.
  if (!one.endpoints.ok || !other.endpoints.ok) return true;
  const list = other.endpoints.value;
  return one.endpoints.value.length === list.length && one.endpoints.value.every((target, at) => target === list[at]);
}
