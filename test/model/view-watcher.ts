import { decodeToken, type Epoch, type Revision } from '../../src/core/token.js';
import type { ServiceView } from '../../src/client/view/service-view.js';
import type { ViewEvent } from '../../src/client/view/view-reading.js';
import type { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import type { TrueState, ViewCatalog } from './view-catalog.js';

export interface Position {
  readonly epoch: Epoch;
  readonly revision: Revision;
}

export interface WatcherContext {
  readonly catalog: ViewCatalog;
  /** Is told what is wrong. */
  complain(problem: string): void;
}

/** One who watches, reads as slowly as it is told to, and holds all that it is shown to what is true. */
export class ViewWatcher {
  readonly view: ServiceView;
  readonly #context: WatcherContext;
  readonly #endpoints = new Map<string, Endpoint>();
  #position: Position | undefined;
  #known = false;
  #mayRead = 0;
  #wake: () => void = () => undefined;
  #end: { readonly error: unknown } | undefined;

  constructor(view: ServiceView, context: WatcherContext) {
    this.view = view;
    this.#context = context;
    void this.#readAll();
  }

  /** How its reading ended; undefined while it has not. */
  get end(): { readonly error: unknown } | undefined {
    return this.#end;
  }

  /** The view that the events it has read make. */
  get endpoints(): ReadonlyMap<string, Endpoint> {
    return this.#endpoints;
  }

  /** Lets it read so many events more. */
  read(count: number): void {
    this.#mayRead += count;
    this.#wake();
  }

  /** Holds what its view shows now to what is true. Returns where it is; undefined for unknown. */
  look(): Position | undefined {
    const reading = this.view.current();
    const { complain, catalog } = this.#context;
    if (reading.status === 'unknown') {
      if (this.#known) complain('a view that was known is unknown');
      return undefined;
    }
    this.#known = true;
    const position = { epoch: epochOf(reading.resumeToken), revision: reading.revision };
    const shown = new Map(reading.endpoints.map((endpoint) => [endpoint.id, endpoint]));
    if (!isSame(shown, catalog.stateAt(position.epoch, position.revision)))
      complain(`${reading.status} at ${JSON.stringify(position)} shows what never was`);
    return position;
  }

  async #readAll(): Promise<void> {
    const changes = this.view.changes();
    try {
      for (;;) {
        while (this.#mayRead === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#mayRead--;
        const { value } = await changes.next();
        if (value === undefined) break;
        this.#take(value);
      }
      this.#end = { error: undefined };
    } catch (error) {
      this.#end = { error };
    }
  }

  #take(event: ViewEvent): void {
    if (event.type === 'status') return;
    const position = { epoch: epochOf(event.resumeToken), revision: event.revision };
    const before = this.#position;
    this.#position = position;
    const { complain, catalog } = this.#context;
    const because = (what: string): void =>
      complain(`${event.type} at ${JSON.stringify(position)} after ${JSON.stringify(before)} ${what}`);

    if (event.type === 'snapshot') {
      this.#endpoints.clear();
      for (const endpoint of event.endpoints) this.#endpoints.set(endpoint.id, endpoint);
    } else {
      if (before === undefined) because('comes before any snapshot');
      for (const { endpointId } of event.removed) this.#endpoints.delete(endpointId);
      for (const endpoint of event.upserted) this.#endpoints.set(endpoint.id, endpoint);
    }
    const mayChangeEpoch = event.type === 'snapshot' && (event.reason === 'EPOCH_CHANGED' || event.reason === 'LAGGED');
    if (before !== undefined && before.epoch !== position.epoch && !mayChangeEpoch) because('changes the epoch');
    if (isBefore(position, before)) because('goes back');
    if (!isSame(this.#endpoints, catalog.stateAt(position.epoch, position.revision))) because('makes what never was');
  }
}

/** Histories of a model follow each other, and so do their names. */
export function isBefore(position: Position, other: Position | undefined): boolean {
  if (other === undefined) return false;
  return position.epoch === other.epoch ? position.revision < other.revision : position.epoch < other.epoch;
}

export function isSame(a: ReadonlyMap<string, Endpoint>, b: TrueState): boolean {
  return a.size === b.size && [...a].every(([id, { modRevision }]) => b.get(id)?.modRevision === modRevision);
}

function epochOf(resumeToken: string): Epoch {
  return decodeToken(resumeToken, 'resume_token').epoch;
}
