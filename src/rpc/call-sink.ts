import { Metadata, type ServerWritableStream } from '@grpc/grpc-js';
import type { WatchSink } from '../watch/outlet.js';
import { toStatus } from './error-map.js';
import { endWith, type MethodContext } from './method.js';
import { transportOf, type Transport } from './transport.js';

/** A call whose responses are bytes already. */
export type BytesCall = NodeJS.EventEmitter &
  Pick<
    ServerWritableStream<unknown, unknown>,
    'cancelled' | 'destroyed' | 'getPath' | 'sendMetadata' | 'writableEnded' | 'writableLength' | 'write'
  >;

/** Before each message of gRPC: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

/** A larger message is written as it is, behind its prefix: two pieces cost less than a copy. */
const COPIED_BYTES_MAX = 4 * 1024;

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
    // The stream is destroyed a moment before the call is told that it is cancelled. And grpc-js ends it by itself when
    // a deadline passes or a request cannot be read, of which the call is not told before all that waits was taken: a
    // write in between would be an error of the stream, and it would never end.
    if (this.#call.cancelled || writable.destroyed || writable.writableEnded) return;
    if (!this.#begun) this.#begin();
    const done = onTaken && ((error?: Error | null) => void (!error && !this.#call.cancelled && onTaken()));
    if (this.#transport === undefined) writable.write(message, done);
    else writeFramed(this.#transport, message, done);
  }

  end(error: Error): void {
    if (!this.#call.cancelled) endWith(this.#call, toStatus(error, this.#call.getPath(), this.#context.onDefect));
  }

  #begin(): void {
    this.#begun = true;
    this.#call.sendMetadata(new Metadata());
  }
}

function writeFramed({ stream, callEventTracker }: Transport, message: Buffer, done?: (error?: Error | null) => void) {
  if (message.length <= COPIED_BYTES_MAX) {
    stream.write(framed(message), done);
  } else {
    stream.cork();
    stream.write(prefixOf(message));
    stream.write(message, done);
    stream.uncork();
  }
  callEventTracker?.addMessageSent();
}

let latest: { readonly message: Buffer; readonly framed: Buffer } | undefined;

/** A message as gRPC frames it. Watchers of one topic come one after the other, so the latest is the one asked for. */
function framed(message: Buffer): Buffer {
  if (latest?.message === message) return latest.framed;
  latest = { message, framed: Buffer.concat([prefixOf(message), message]) };
  return latest.framed;
}

function prefixOf(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return prefix;
}
