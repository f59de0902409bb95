import type { RollcallClient, ViewEvent, WatchEvent } from '../src/client/index.js';
import type { Endpoint } from '../src/gen/rollcall/v1/endpoint.js';
import type { Recording } from './recording.js';
import { nameOf, type Target } from './targets.js';

export interface LibraryReaderOptions {
  readonly name: string;
  readonly client: RollcallClient;
  readonly target: Target;
  /** Where what it shows is noted; undefined for one whose bytes are damaged, of which only the end counts. */
  readonly recording: Recording | undefined;
  readonly reader: number;
  /** `view` keeps a view; `follow` reads raw events. */
  readonly by: 'view' | 'follow';
  /** Told when what it reads ends, or fails, before its client is closed. */
  readonly onWrong: (problem: string) => void;
}

/** Reads a service with the client library, event by event, as an application would. Ends with its client. */
export class LibraryReader {
  readonly #options: LibraryReaderOptions;
  readonly #view = new Map<string, Endpoint>();
  #known = false;
  /** Resolves when nothing more comes. */
  readonly ended: Promise<void>;

  constructor(options: LibraryReaderOptions) {
    this.#options = options;
    this.ended = this.#read().catch((error: unknown) => options.onWrong(String(error)));
  }

  get name(): string {
    return this.#options.name;
  }

  get target(): Target {
    return this.#options.target;
  }

  get isDamaged(): boolean {
    return this.#options.recording === undefined;
  }

  /** What the application sees. */
  get endpoints(): readonly Endpoint[] | undefined {
    return this.#known ? [...this.#view.values()] : undefined;
  }

  async #read(): Promise<void> {
    const { client, target, by } = this.#options;
    const { namespace, service } = nameOf(target.service);
    const options = { namespace, selector: target.selector };
    if (by === 'follow') {
      for await (const event of client.follow(service, options)) this.#take(event);
    } else {
      for await (const event of client.watch(service, options).changes()) this.#take(event);
    }
    if (!client.closed) throw new Error(`what ${this.name} reads of ${target.service} has ended`);
  }

  #take(event: ViewEvent | WatchEvent): void {
    switch (event.type) {
      case 'status':
      case 'reconnect':
        return;
      case 'snapshot':
        this.#view.clear();
        for (const endpoint of event.endpoints) this.#view.set(endpoint.id, endpoint);
        break;
      case 'delta':
        for (const { endpointId } of event.removed) this.#view.delete(endpointId);
        for (const endpoint of event.upserted) this.#view.set(endpoint.id, endpoint);
        break;
      case 'checkpoint':
        break;
    }
    this.#known = true;
    const { recording, reader, target } = this.#options;
    const { revision } = event;
    recording?.record({ type: 'view', reader, ...target, revision, endpoints: [...this.#view.values()] });
  }
}
