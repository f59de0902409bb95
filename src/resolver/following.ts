import { experimental, Metadata, status } from '@grpc/grpc-js';
import type { RollcallClient, ServiceView, ViewEvent } from '../client/index.js';
import { isRollcallError, RollcallError } from '../core/errors.js';
import type { Timer } from '../lib/clock.js';
import { sleep } from '../lib/sleep.js';
import { ServiceEndpoints } from './service-endpoints.js';
import { whereOf, type ServiceTarget } from './target.js';

/** After a server has refused the watch for good, it is asked again: it may have been the wrong one, or misconfigured. */
const REFUSED_PAUSE_MS = 5_000;

/** What grpc-js is to be told. */
export interface Resolution {
  readonly endpoints: experimental.StatusOr<experimental.Endpoint[]>;
  /** Part of the error of calls that cannot be made. */
  readonly note: string;
}

/** Tells one channel. */
export type Deliver = (resolution: Resolution) => void;

export interface FollowingOptions {
  /** How long endpoints stay that are not known to be gone, unless they return before. */
  readonly graceMs: number;
  /** Nobody listens, and nothing is lost if another is begun in its place. Called once; it is closed then. */
  readonly onIdle: () => void;
}

/** Somebody who listens, and what was delivered last. */
interface Listener {
  readonly deliver: Deliver;
  delivered: Resolution | undefined;
}

/**
 * Follows one service for the channels of one client, whatever happens to servers.
 *
 * A channel is never told synchronously, at most once a turn of the event loop, and after the first time only of
 * something else than before: to grpc-js every list is news, for which some policies make all their connections anew.
 */
export class Following {
  readonly #client: RollcallClient;
  readonly #target: ServiceTarget;
  readonly #onIdle: () => void;
  readonly #endpoints: ServiceEndpoints;
  readonly #listeners = new Set<Listener>();
  readonly #closing = new AbortController();
  #view: ServiceView | undefined;
  #known = false;
  #problem: RollcallError | undefined;
  #soon: Timer | undefined;
  #letGo: Timer | undefined;

  constructor(client: RollcallClient, target: ServiceTarget, { graceMs, onIdle }: FollowingOptions) {
    this.#client = client;
    this.#target = target;
    this.#onIdle = onIdle;
    this.#endpoints = new ServiceEndpoints(target.service, { where: whereOf(target, client.namespace), graceMs });
    void this.#follow();
  }

  /** Has `deliver` told what is known, and of every change. Returns what ends that: it is not called any more. */
  attach(deliver: Deliver): () => void {
    const listener = { deliver, delivered: undefined };
    this.#listeners.add(listener);
    this.#changed();
    return () => {
      if (this.#listeners.delete(listener)) this.#closeIfIdle();
    };
  }

  #closeIfIdle(): void {
    if (this.#listeners.size > 0 || this.#closing.signal.aborted) return;
    if (!this.#client.closed && this.#endpoints.heldForMs(this.#client.clock.monotonicMs()) !== undefined) return;
    this.#closing.abort();
    this.#view?.close();
    this.#soon?.cancel();
    this.#letGo?.cancel();
    this.#onIdle();
  }

  /** Never throws. */
  async #follow(): Promise<void> {
    const client = this.#client;
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
    const client = this.#client;
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
      // What is known stays as it is, however it is known.
      if (this.#known) return;
    } else {
      this.#known = true;
      this.#endpoints.apply(event, this.#client.clock.monotonicMs());
    }
    this.#changed();
  }

  #changed(): void {
    // An event may have been on its way when this was closed.
    if (this.#closing.signal.aborted) return;
    this.#soon ??= this.#client.clock.soon(() => {
      this.#soon = undefined;
      const resolution = this.#resolution();
      if (resolution !== undefined) for (const listener of this.#listeners) tell(listener, resolution);
      this.#closeIfIdle();
    });
  }

  /** What there is to tell; undefined while there was hardly time for an answer. */
  #resolution(): Resolution | undefined {
    if (this.#known) return this.#list();
    return this.#problem === undefined ? undefined : this.#unknown(this.#problem);
  }

  #list(): Resolution {
    const { clock } = this.#client;
    const nowMs = clock.monotonicMs();
    const { targets, note } = this.#endpoints.listing(nowMs);
    const heldForMs = this.#endpoints.heldForMs(nowMs);
    this.#letGo?.cancel();
    if (heldForMs !== undefined) this.#letGo = clock.after(heldForMs, () => this.#changed());
    return { endpoints: experimental.statusOrFromValue(targets), note };
  }

  #unknown({ message }: RollcallError): Resolution {
    const details = `rollcall: nothing is known of ${this.#target.service}: ${message}`;
    const error = { code: status.UNAVAILABLE, details, metadata: new Metadata() };
    return { endpoints: experimental.statusOrFromError(error), note: details };
  }
}

function tell(listener: Listener, resolution: Resolution): void {
  if (listener.delivered !== undefined && sameResolution(listener.delivered, resolution)) return;
  listener.delivered = resolution;
  listener.deliver(resolution);
}

function sameResolution(one: Resolution, other: Resolution): boolean {
  if (one.note !== other.note || one.endpoints.ok !== other.endpoints.ok) return false;
  // The details of errors are in the notes.
  if (!one.endpoints.ok || !other.endpoints.ok) return true;
  const list = other.endpoints.value;
  return one.endpoints.value.length === list.length && one.endpoints.value.every((target, at) => target === list[at]);
}
