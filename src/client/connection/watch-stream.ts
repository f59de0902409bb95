import { ClientError, Status, type Client } from 'nice-grpc';
import { Status as RpcStatus } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';
import { RollcallError } from '../../core/errors.js';
import {
  DiscoveryServiceService,
  type WatchManyEvent,
  type WatchManyRequest,
  type WatchRequest,
  type WatchResponse,
} from '../../gen/rollcall/v1/discovery.js';
import { Mailbox } from '../../lib/mailbox.js';
import { messageOf } from '../../lib/message-of.js';
import { toRollcallError } from './call-error.js';

/**
 * One stream of watches. It lives as long as one of them does, and all end with
 * it. The next message is read when all have taken what the last one had for
 * them, so that nothing piles up here.
 */
export class WatchStream {
  readonly #requests = new Mailbox<WatchManyRequest>();
  readonly #watches = new Map<number, Mailbox<WatchResponse>>();
  readonly #abort = new AbortController();
  #nextId = 0;
  #ended = false;

  constructor(discovery: Pick<Client<typeof DiscoveryServiceService>, 'watchMany'>) {
    void this.#read(discovery);
  }

  /** Whether no watch can be begun on it any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Begins a watch. It throws RollcallErrors as it is iterated; {@link stop} is to be called in the end. */
  start(request: WatchRequest): { readonly watchId: number; readonly messages: Mailbox<WatchResponse> } {
    const watchId = this.#nextId++;
    const messages = new Mailbox<WatchResponse>();
    this.#watches.set(watchId, messages);
    this.#requests.give({ command: { $case: 'start', value: { watchId, request } } });
    return { watchId, messages };
  }

  /** Ends a watch, and with the last one the stream. Idempotent. */
  stop(watchId: number): void {
    const messages = this.#watches.get(watchId);
    if (messages === undefined) return;
    messages.end();
    this.#watches.delete(watchId);
    if (this.#watches.size > 0) this.#requests.give({ command: { $case: 'stop', value: { watchId } } });
    else this.#end();
  }

  async #read(discovery: Pick<Client<typeof DiscoveryServiceService>, 'watchMany'>): Promise<void> {
    let failure: unknown;
    try {
      for await (const { events } of discovery.watchMany(this.#requests, { signal: this.#abort.signal })) {
        await Promise.all(events.map((event) => this.#take(event)));
      }
    } catch (error) {
      failure = error;
    }
    this.#end(failure);
  }

  /** Resolves when the event's watch has taken it. */
  async #take({ watchId, event }: WatchManyEvent): Promise<void> {
    const messages = this.#watches.get(watchId);
    // It was stopped, and this was on its way.
    if (messages === undefined) return;
    if (event?.$case === 'response') {
      messages.give(event.value);
      await messages.empty();
    } else {
      // The end is the last word, and what was told before it may be that the server is going away.
      await messages.empty();
      messages.end(event === undefined ? new RollcallError('UNEXPECTED_STATUS', NO_EVENT) : endOf(event.value));
    }
  }

  #end(failure?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#requests.end();
    this.#abort.abort();
    for (const messages of this.#watches.values()) messages.end(failure);
    this.#watches.clear();
  }
}

const NO_EVENT = 'the server told of something that this client does not know';

/** @param status a google.rpc.Status */
function endOf(status: Uint8Array): RollcallError {
  let decoded: RpcStatus;
  try {
    decoded = RpcStatus.decode(status);
  } catch (cause) {
    return new RollcallError('UNEXPECTED_STATUS', `a status that cannot be read: ${messageOf(cause)}`, { cause });
  }
  const { code, message } = decoded;
  const known = Object.values(Status).find((value): value is Status => Number(value) === code) ?? Status.UNKNOWN;
  return toRollcallError(new ClientError(DiscoveryServiceService.watchMany.path, known, message), status);
}
