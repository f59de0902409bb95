import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import { invalidField } from '../core/errors.js';
import type { StartWatch, WatchManyRequest, WatchRequest } from '../gen/rollcall/v1/discovery.js';
import { SharedOutlet } from '../watch/shared-outlet.js';
import type { WatchHub } from '../watch/watch-hub.js';
import { CallSink } from './call-sink.js';
import { checkWatch } from './check-watch.js';
import { toStatus, toStatusBytes } from './error-map.js';
import { endWith, wellFormed, type MethodContext } from './method.js';
import { endWhenReset } from './transport.js';

/** Many watches on one stream. */
export function watchMany(hub: WatchHub, context: MethodContext): handleBidiStreamingCall<WatchManyRequest, unknown> {
  return (call) => {
    const watches = new WatchesOfCall(call, hub, context);
    call.on('cancelled', () => watches.close());
    endWhenReset(call);
    call.on('data', (request: WatchManyRequest) => watches.obey(request));
  };
}

/** One watch of a stream, which may still be beginning. */
interface OpenWatch {
  /** Whether it was stopped. */
  aborted: boolean;
  forget: (() => void) | undefined;
}

/** The watches of one call, from its first request until it ends in whatever way. */
class WatchesOfCall {
  readonly #call: ServerDuplexStream<WatchManyRequest, unknown>;
  readonly #hub: WatchHub;
  readonly #context: MethodContext;
  readonly #outlet: SharedOutlet;
  readonly #untrack: () => void;
  /** By id. */
  readonly #open = new Map<number, OpenWatch>();
  #closed = false;

  constructor(call: ServerDuplexStream<WatchManyRequest, unknown>, hub: WatchHub, context: MethodContext) {
    this.#call = call;
    this.#hub = hub;
    this.#context = context;
    this.#outlet = new SharedOutlet(new CallSink(call, context), (error) =>
      toStatusBytes(error, call.getPath(), context.onDefect),
    );
    this.#untrack = context.calls.stream((error) => this.#end(error));
  }

  /** Does what a request asks for, or ends the stream. */
  obey(request: WatchManyRequest): void {
    if (this.#closed) return;
    try {
      this.#context.calls.refuseIfDraining();
      const { command } = wellFormed(request);
      if (command?.$case === 'start') this.#start(command.value);
      else if (command?.$case === 'stop') this.#stop(command.value.watchId);
      else throw invalidField({ field: 'command', description: 'is required' });
    } catch (error) {
      this.#end(error);
      return;
    }
    // Who sends requests and reads no answers fills its own window, not our memory.
    if (!this.#outlet.full) return;
    this.#call.pause();
    this.#outlet.whenRoom(() => this.#call.resume());
  }

  /** Forgets everything without touching the stream, which is gone or was ended. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#untrack();
    for (const watchId of this.#open.keys()) this.#stop(watchId);
  }

  /** @throws RollcallError INVALID_FIELD for an id that is in use. */
  #start({ watchId, request }: StartWatch): void {
    if (this.#open.has(watchId)) {
      throw invalidField({ field: 'start.watch_id', description: `${watchId} is in use on this stream` });
    }
    const watch: OpenWatch = { aborted: false, forget: undefined };
    this.#open.set(watchId, watch);
    // Each begins by itself: one may have to wait for a revision that this server does not have yet.
    void this.#begin(watchId, watch, request);
  }

  async #begin(watchId: number, watch: OpenWatch, request: WatchRequest | undefined): Promise<void> {
    try {
      if (request === undefined) throw invalidField({ field: 'request', description: 'is required' });
      const target = checkWatch(request, this.#call.getPeer());
      const forget = await this.#hub.watch(target, this.#outlet.watch(watchId), watch);
      if (watch.aborted) forget();
      else watch.forget = forget;
    } catch (error) {
      if (watch.aborted) return;
      this.#open.delete(watchId);
      this.#outlet.endWatch(watchId, error);
    }
  }

  #stop(watchId: number): void {
    const watch = this.#open.get(watchId);
    if (watch === undefined) return;
    this.#open.delete(watchId);
    watch.aborted = true;
    watch.forget?.();
  }

  #end(error: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#outlet.flush();
    endWith(this.#call, toStatus(error, this.#call.getPath(), this.#context.onDefect));
  }
}
