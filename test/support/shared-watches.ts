import { EventEmitter } from 'node:events';
import { Metadata, type ClientDuplexStream } from '@grpc/grpc-js';
import { Status } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';
import type { Xxh64 } from '../../src/core/hash.js';
import {
  DiscoveryServiceService as discovery,
  WatchManyRequest,
  WatchResponse,
  type WatchManyEvent,
} from '../../src/gen/rollcall/v1/discovery.js';
import type { RawClient, SizedWatchResponse } from './raw-client.js';

/** What {@link RawClient.watch} gives: `data` with SizedWatchResponses, and `error`. */
export interface WatchStream extends EventEmitter {
  pause(): void;
  resume(): void;
  cancel(): void;
}

/** Where watches are begun: a `RawClient`, with a stream for each, or {@link SharedWatches}. */
export interface WatchClient {
  readonly xxh64: Xxh64;
  watch(request: Parameters<RawClient['watch']>[0]): WatchStream;
}

/** Watches of one client on one `WatchMany` stream, each as if it had one of its own. */
export class SharedWatches implements WatchClient {
  readonly xxh64: Xxh64;
  /** How many messages came, whatever they held. */
  received = 0;
  /** The largest of them. */
  bytesMax = 0;
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #watches = new Map<number, WatchOfMany>();
  readonly #statuses = new Map<number, (error: Error) => void>();
  #nextId = 0;

  constructor(client: RawClient) {
    this.xxh64 = client.xxh64;
    this.#call = client.duplex(discovery.watchMany.path);
    this.#call.on('data', (bytes: Buffer) => {
      this.received++;
      this.bytesMax = Math.max(this.bytesMax, bytes.length);
      for (const event of discovery.watchMany.responseDeserialize(bytes).events) this.#take(event);
    });
    this.#call.on('error', (error) => {
      for (const watch of this.#watches.values()) watch.emit('error', error);
      this.#watches.clear();
    });
  }

  watch(request: Parameters<RawClient['watch']>[0]): WatchOfMany {
    const watchId = this.#nextId++;
    const watch = new WatchOfMany(this.#call, () => {
      this.#watches.delete(watchId);
      this.send({ command: { $case: 'stop', value: { watchId } } });
    });
    this.#watches.set(watchId, watch);
    this.send({ command: { $case: 'start', value: { watchId, request } } });
    return watch;
  }

  /** Of a watch that was begun by {@link send}. */
  onStatus(watchId: number, onStatus: (error: Error) => void): void {
    this.#statuses.set(watchId, onStatus);
  }

  /** Of the stream. */
  onEnd(onEnd: (error: Error) => void): void {
    this.#call.on('error', onEnd);
  }

  send(request: Parameters<(typeof WatchManyRequest)['fromPartial']>[0]): void {
    this.#call.write(discovery.watchMany.requestSerialize(WatchManyRequest.fromPartial(request)));
  }

  /** Sends no more requests. */
  halfClose(): void {
    this.#call.end();
  }

  #take({ watchId, event }: WatchManyEvent): void {
    if (event?.$case === 'status') this.#statuses.get(watchId)?.(serviceError(event.value));
    const watch = this.#watches.get(watchId);
    // Stopped, and this was on its way.
    if (watch === undefined) return;
    if (event?.$case === 'status') {
      this.#watches.delete(watchId);
      watch.emit('error', serviceError(event.value));
    } else if (event?.$case === 'response') {
      const bytes = WatchResponse.encode(event.value).finish().length;
      watch.emit('data', { message: event.value, bytes } satisfies SizedWatchResponse);
    } else throw new Error('an event of a watch without content');
  }
}

class WatchOfMany extends EventEmitter implements WatchStream {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #stop: () => void;

  constructor(call: ClientDuplexStream<Buffer, Buffer>, stop: () => void) {
    super();
    this.#call = call;
    this.#stop = stop;
  }

  /** All watches of the stream. */
  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  cancel(): void {
    this.#stop();
  }
}

/** The error that grpc-js would have made of the status of a stream of its own. */
export function serviceError(bytes: Uint8Array): Error {
  const { code, message } = Status.decode(bytes);
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(bytes));
  return Object.assign(new Error(message), { code, details: message, metadata });
}
