import type { Endpoint, ServiceView, ViewEvent } from '../../src/client/index.js';

/** Reads the changes of a view in the background. */
export class ViewReader {
  readonly events: ViewEvent[] = [];
  /** The view that the events make, by id. */
  readonly endpoints = new Map<string, Endpoint>();
  /** Settles as the iteration does. */
  readonly done: Promise<void>;

  constructor(view: ServiceView) {
    this.done = this.#read(view);
    // Whoever waits for the end sees how it ended.
    this.done.catch(() => undefined);
  }

  /** What happened, a word each: `live`, `INITIAL a b`, `+c -a`. */
  get story(): string[] {
    return this.events.map(storyOf);
  }

  get ids(): string[] {
    return [...this.endpoints.keys()].sort();
  }

  async #read(view: ServiceView): Promise<void> {
    for await (const event of view.changes()) {
      this.events.push(event);
      if (event.type === 'status') continue;
      if (event.type === 'snapshot') this.endpoints.clear();
      if (event.type === 'delta') for (const { endpointId } of event.removed) this.endpoints.delete(endpointId);
      const changed = event.type === 'snapshot' ? event.endpoints : event.upserted;
      for (const endpoint of changed) this.endpoints.set(endpoint.id, endpoint);
    }
  }
}

/** One event in a word or two; see {@link ViewReader.story}. */
export function storyOf(event: ViewEvent): string {
  switch (event.type) {
    case 'status':
      return event.status;
    case 'snapshot':
      return [event.reason, ...event.endpoints.map(({ id }) => id)].join(' ');
    case 'delta':
      return [
        ...event.upserted.map(({ id }) => `+${id}`),
        ...event.removed.map(({ endpointId }) => `-${endpointId}`),
      ].join(' ');
  }
}
