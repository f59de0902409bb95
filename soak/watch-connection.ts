import type { Xxh64 } from '../src/core/hash.js';
import { RawClient } from '../test/support/raw-client.js';
import { SharedWatches, type WatchClient, type WatchStream } from '../test/support/shared-watches.js';

/** A connection on which watches are begun, each on a stream of its own or all on one. Owned by whoever opened it. */
export class WatchConnection implements WatchClient, Disposable {
  readonly #address: string;
  readonly #isShared: boolean;
  #client: RawClient;
  #shared: SharedWatches | undefined;
  #closed = false;
  /** How many connections there have been. */
  generation = 0;

  static async open(address: string, { shared }: { readonly shared: boolean }): Promise<WatchConnection> {
    return new WatchConnection(address, shared, await RawClient.connect(address));
  }

  private constructor(address: string, isShared: boolean, client: RawClient) {
    this.#address = address;
    this.#isShared = isShared;
    this.#client = client;
  }

  get xxh64(): Xxh64 {
    return this.#client.xxh64;
  }

  watch(request: Parameters<WatchClient['watch']>[0]): WatchStream {
    if (!this.#isShared) return this.#client.watch(request);
    this.#shared ??= this.#share();
    return this.#shared.watch(request);
  }

  /** Goes on with another connection, unless that was done since there were `generation`: this one may be dead. */
  async renew(generation: number): Promise<void> {
    if (generation !== this.generation) return;
    this.generation++;
    const silent = this.#client;
    const client = await RawClient.connect(this.#address);
    if (this.#closed) return client[Symbol.dispose]();
    this.#client = client;
    this.#shared = undefined;
    silent[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#client[Symbol.dispose]();
  }

  #share(): SharedWatches {
    const shared = new SharedWatches(this.#client);
    shared.onEnd(() => {
      if (this.#shared === shared) this.#shared = undefined;
    });
    return shared;
  }
}
