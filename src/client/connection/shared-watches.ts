import type { Client } from 'nice-grpc';
import { isRollcallError } from '../../core/errors.js';
import type { DiscoveryServiceService, WatchRequest, WatchResponse } from '../../gen/rollcall/v1/discovery.js';
import { onAbort } from '../../lib/on-abort.js';
import { WatchStream } from './watch-stream.js';

/**
 * The watches of one connection, on one stream where its server has that, else
 * on a stream each. For those who take messages as fast as they come: one that
 * does not, holds up all.
 */
export class SharedWatches {
  readonly #discovery: Client<typeof DiscoveryServiceService>;
  #stream: WatchStream | undefined;
  /** An older server, which has not heard of many watches on one stream. */
  #serverIsOlder = false;

  constructor(discovery: Client<typeof DiscoveryServiceService>) {
    this.#discovery = discovery;
  }

  /** As `DiscoveryService.Watch`. */
  async *watch(
    request: WatchRequest,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<WatchResponse, void, undefined> {
    if (!this.#serverIsOlder) {
      try {
        return yield* this.#onSharedStream(request, signal);
      } catch (error) {
        if (!isUnimplemented(error)) throw error;
        this.#serverIsOlder = true;
      }
    }
    yield* this.#discovery.watch(request, { signal });
  }

  async *#onSharedStream(request: WatchRequest, signal: AbortSignal): AsyncGenerator<WatchResponse, void, undefined> {
    signal.throwIfAborted();
    if (this.#stream === undefined || this.#stream.ended) this.#stream = new WatchStream(this.#discovery);
    const stream = this.#stream;
    const { watchId, messages } = stream.start(request);
    const unfollow = onAbort(signal, () => messages.end(signal.reason));
    try {
      yield* messages;
    } finally {
      unfollow();
      stream.stop(watchId);
    }
  }
}

function isUnimplemented(error: unknown): boolean {
  return isRollcallError(error, 'UNEXPECTED_STATUS') && error.metadata['status'] === 'UNIMPLEMENTED';
}
