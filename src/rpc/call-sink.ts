import type { ServerHttp2Stream } from 'node:http2';
import { Metadata, type ServerWritableStream } from '@grpc/grpc-js';
import type { WatchSink } from '../watch/outlet.js';
import { toStatus } from './error-map.js';
import { endWith, type MethodContext } from './method.js';

/** A call whose responses are bytes already. */
export type BytesCall = NodeJS.EventEmitter &
  Pick<
    ServerWritableStream<unknown, unknown>,
    'cancelled' | 'destroyed' | 'getPath' | 'sendMetadata' | 'writableLength' | 'write'
  >;

/** Before each message of gRPC: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

/**
 * Encoded messages on a gRPC stream.
 *
 * What grpc-js does with a message costs as much as all that Node does with it:
 * a second stream on top of HTTP/2's, and a copy for each receiver. So messages
 * are written to the HTTP/2 stream under the call, framed once for all that get
 * the same; headers and status stay with grpc-js.
 */
export class CallSink implements WatchSink {
  readonly #call: BytesCall;
  readonly #context: MethodContext;
  readonly #transport: Transport | undefined;
  #begun = false;

  constructor(call: BytesCall, context: MethodContext) {
    this.#call = call;
    this.#context = context;
    this.#transport = transportOf(call);
  }

  get idle(): boolean {
    return (this.#transport?.stream ?? this.#call).writableLength === 0;
  }

  write(message: Buffer, onTaken?: () => void): void {
    const writable = this.#transport?.stream ?? this.#call;
    // The stream is destroyed a moment before the call is told that it is cancelled.
    if (this.#call.cancelled || writable.destroyed) return;
    if (!this.#begun) this.#begin();
    const bytes = this.#transport === undefined ? message : framed(message);
    if (onTaken === undefined) writable.write(bytes);
    else writable.write(bytes, (error?: Error | null) => !error && !this.#call.cancelled && onTaken());
    this.#transport?.callEventTracker?.addMessageSent();
  }

  end(error: Error): void {
    if (!this.#call.cancelled) endWith(this.#call, toStatus(error, this.#call.getPath(), this.#context.onDefect));
  }

  #begin(): void {
    this.#begun = true;
    this.#call.sendMetadata(new Metadata());
  }
}

/** What is under a call of grpc-js, with the counter for channelz. */
interface Transport {
  readonly stream: ServerHttp2Stream;
  readonly callEventTracker?: { addMessageSent(): void } | null;
}

/**
 * grpc-js does not show it, so this may find nothing: in another version, or
 * where an interceptor stands in between, which must then see each message. The
 * call itself takes them in that case.
 */
function transportOf(call: BytesCall): Transport | undefined {
  const { call: under } = call as unknown as { readonly call?: Partial<Transport> };
  return typeof under?.stream?.respond === 'function' ? (under as Transport) : undefined;
}

let latest: { readonly message: Buffer; readonly framed: Buffer } | undefined;

/** A message as gRPC frames it. Watchers of one topic come one after the other, so the latest is the one asked for. */
function framed(message: Buffer): Buffer {
  if (latest?.message === message) return latest.framed;
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  bytes.writeUInt8(0);
  bytes.writeUInt32BE(message.length, 1);
  message.copy(bytes, PREFIX_BYTES);
  latest = { message, framed: bytes };
  return bytes;
}
