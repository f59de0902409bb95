/**
 * How methods are put on grpc-js: every request decoded with a typed error for
 * what cannot be, every error mapped in one place, every call counted.
 */
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  ServerDuplexStream,
  ServerWritableStream,
  ServiceDefinition,
} from '@grpc/grpc-js';
import { RollcallError } from '../core/errors.js';
import type { CallTracker } from './call-tracker.js';
import { toStatus, type OnDefect } from './error-map.js';
import { decodeStrictly } from './strict-reader.js';
import { endWhenReset } from './transport.js';
import { messageOf } from '../lib/message-of.js';

/** What every handler gets. */
export interface MethodContext {
  readonly calls: CallTracker;
  readonly onDefect: OnDefect;
}

/** Stands for a request that could not be decoded, until its handler can refuse it. */
class Malformed {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** How requests and responses of a method are read and written, where that is not by what ts-proto generates. */
export interface Codec {
  /** @throws Error that says what is wrong with the bytes */
  readonly decode?: (bytes: Buffer) => unknown;
  readonly encode?: (response: never) => Buffer;
}

/** For responses that are bytes already. */
export const BYTES: Codec = { encode: (bytes: Buffer) => bytes };

/**
 * The same service, but what cannot be decoded reaches its handler, to be refused with a typed error; grpc-js by itself
 * would answer INTERNAL. `codecs` are by method.
 */
export function withTypedRefusals<T extends ServiceDefinition>(
  service: T,
  codecs: { readonly [Method in keyof T]?: Codec } = {},
): T {
  const methods = Object.entries(service as Record<string, MethodDefinition<unknown, unknown>>).map(
    ([name, method]) => {
      const { decode = generatedDecode(method), encode = method.responseSerialize } = codecs[name] ?? {};
      const requestDeserialize = (bytes: Buffer): unknown => {
        try {
          return decode(bytes);
        } catch (error) {
          return new Malformed(error);
        }
      };
      return [name, { ...method, requestDeserialize, responseSerialize: encode }];
    },
  );
  return Object.fromEntries(methods) as T;
}

function generatedDecode(method: MethodDefinition<unknown, unknown>): (bytes: Buffer) => unknown {
  // What ts-proto generates passes its argument on to `decode`, which takes a reader as well as bytes.
  return (bytes) => decodeStrictly(bytes, (reader) => method.requestDeserialize(reader as unknown as Buffer));
}

/** @throws RollcallError MALFORMED_MESSAGE for a request that could not be decoded. */
export function wellFormed<T>(request: T): T {
  if (!(request instanceof Malformed)) return request;
  const why = messageOf(request.cause);
  throw new RollcallError('MALFORMED_MESSAGE', `the request is not a message of this method's type: ${why}`);
}

export function unary<Request, Response>(
  { calls, onDefect }: MethodContext,
  handle: (request: Request) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    calls.unary(async () => {
      // Nobody waits for it any more; a retry may already be under way elsewhere.
      if (call.cancelled) return;
      try {
        callback(null, await handle(wellFormed(call.request)));
      } catch (error) {
        callback(toStatus(error, call.getPath(), onDefect));
      }
    });
  };
}

/** `open` is given the call and a signal that aborts when the client goes away; the stream ends with what it throws. */
export function serverStream<Request, Response>(
  { calls, onDefect }: MethodContext,
  open: (call: ServerWritableStream<Request, Response>, request: Request, signal: AbortSignal) => Promise<void>,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort());
    const run = async () => {
      try {
        calls.refuseIfDraining();
        await open(call, wellFormed(call.request), gone.signal);
      } catch (error) {
        endWith(call, toStatus(error, call.getPath(), onDefect));
      }
    };
    void run();
  };
}

/** Answers each request of a stream with one response, in order, one at a time. */
export function pingPong<Request, Response>(
  { calls, onDefect }: MethodContext,
  handle: (request: Request) => Promise<Response>,
): handleBidiStreamingCall<Request, Response> {
  return (call) => {
    const forget = calls.stream((error) => endWith(call, toStatus(error, call.getPath(), onDefect)));
    let gone = false;
    call.on('cancelled', () => {
      gone = true;
      forget();
    });
    endWhenReset(call);
    const answer = async (request: Request) => {
      // The stream rests while a request is handled: a client that floods it fills its own window, not our memory.
      call.pause();
      try {
        calls.refuseIfDraining();
        const response = await handle(wellFormed(request));
        if (gone) return;
        if (!call.write(response)) await new Promise<void>((resolve) => call.once('drain', resolve));
        call.resume();
      } catch (error) {
        forget();
        if (!gone) endWith(call, toStatus(error, call.getPath(), onDefect));
      }
    };
    let answering = Promise.resolve();
    call.on('data', (request: Request) => {
      answering = answer(request);
    });
    // A client may have said its last word while an answer is in the making.
    const finish = async () => {
      await answering;
      forget();
      if (!gone) call.end();
    };
    call.on('end', () => void finish());
  };
}

/** Ends a stream with a status, after what was written before. */
export function endWith(
  call: ServerWritableStream<never, never> | ServerDuplexStream<never, never> | NodeJS.EventEmitter,
  error: ReturnType<typeof toStatus>,
): void {
  call.emit('error', error);
}
