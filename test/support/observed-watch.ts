import { EMPTY_DIGEST, endpointDigest, type Digest } from '../../src/core/digest.js';
import { LIMITS } from '../../src/core/limits.js';
import type { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import type {
  Reconnect,
  RemovedEndpoint,
  Snapshot_Reason,
  WatchResponse,
} from '../../src/gen/rollcall/v1/discovery.js';
import type { RawClient, SizedWatchResponse } from './raw-client.js';
import { rpcFailure, type RpcFailure } from './rpc-failure.js';
import type { WatchClient, WatchStream } from './shared-watches.js';
import { until } from './until.js';

/** What a watcher has at a moment, as far as the next watch needs it. */
export interface WatchPosition {
  readonly view: ReadonlyMap<string, Endpoint>;
  readonly token: string;
  readonly revision: number;
}

/** A message, in short. */
export interface Observed {
  readonly kind: NonNullable<WatchResponse['event']>['$case'];
  readonly revision: number;
  readonly upserted: readonly string[];
  readonly removed: readonly RemovedEndpoint[];
  /** Whether it completes a view. */
  readonly hasToken: boolean;
  readonly bytes: number;
}

export interface ObservedWatchOptions {
  /** Where to go on: the view is kept, and its token is sent. */
  readonly from?: WatchPosition;
}

type WatchRequest = Parameters<RawClient['watch']>[0];

/**
 * A watcher that believes nothing: it folds the messages into a view of its own and holds each against what watchers may
 * rely on. What does not hold (W1, W3, W10, the size of messages) fails whoever waits next, and {@link check}.
 */
export class ObservedWatch {
  readonly messages: Observed[] = [];
  /** Why each snapshot came that was received whole. */
  readonly snapshots: Snapshot_Reason[] = [];
  /** What the server said of where to go, if it did. */
  reconnect: Reconnect | undefined;
  /** How the stream ended, once it has. */
  end: RpcFailure | undefined;
  readonly #client: WatchClient;
  readonly #stream: WatchStream;
  readonly #view: Map<string, Endpoint>;
  #digest: Digest;
  #token: string;
  #revision: number;
  /** The revision of the latest snapshot or delta. */
  #changeRevision: number;
  /** Messages with a token on this stream. */
  #tokens = 0;
  #chunks: { readonly revision: number; readonly reason: Snapshot_Reason; readonly endpoints: Endpoint[] } | undefined;
  #fault: Error | undefined;

  constructor(client: WatchClient, request: WatchRequest, { from }: ObservedWatchOptions = {}) {
    this.#client = client;
    this.#view = new Map(from?.view);
    this.#digest = [...this.#view.values()].reduce(
      (digest, endpoint) => digest ^ this.#digestOf(endpoint),
      EMPTY_DIGEST,
    );
    this.#token = from?.token ?? '';
    this.#revision = from?.revision ?? 0;
    this.#changeRevision = this.#revision;
    this.#stream = client.watch({ ...request, resumeToken: from?.token ?? request.resumeToken ?? '' });
    this.#stream.on('data', (received: SizedWatchResponse) => {
      try {
        this.#take(received);
      } catch (error) {
        this.#fault ??= error as Error;
      }
    });
    this.#stream.on('error', (error) => (this.end = rpcFailure(error)));
  }

  get view(): ReadonlyMap<string, Endpoint> {
    return this.#view;
  }

  /** Of the view; the server's was the same, or the watch has failed. */
  get digest(): Digest {
    return this.#digest;
  }

  get token(): string {
    return this.#token;
  }

  /** The revision of the latest message with a token. */
  get revision(): number {
    return this.#revision;
  }

  get position(): WatchPosition {
    return { view: new Map(this.#view), token: this.#token, revision: this.#revision };
  }

  /** Whether a complete view was received on this stream, or a first message that confirms the one it began with. */
  get complete(): boolean {
    return this.#tokens > 0;
  }

  count(kind: Observed['kind']): number {
    return this.messages.filter((message) => message.kind === kind).length;
  }

  /** @throws the first thing that did not hold. */
  check(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** Waits for a condition on this watch. */
  async until(what: string, condition: (watch: this) => boolean, deadlineMs?: number): Promise<void> {
    await until(what, () => (this.check(), condition(this)), deadlineMs);
  }

  /** Waits until the view is complete and at least as new as `revision`. */
  async reach(revision = 0, deadlineMs?: number): Promise<void> {
    const reached = () => this.complete && this.#revision >= revision;
    await this.until(`the watch reached revision ${revision}`, reached, deadlineMs);
  }

  /** Waits until the server ended the stream, and says how. */
  ended(deadlineMs?: number): Promise<RpcFailure> {
    return until('the watch ended', () => this.end, deadlineMs);
  }

  /** Reads nothing until {@link resume}. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  cancel(): void {
    this.#stream.cancel();
  }

  #take({ message, bytes }: SizedWatchResponse): void {
    const { event, revision, resumeToken } = message;
    if (event === undefined) throw new Error('a message without an event');
    const hasToken = resumeToken !== '';
    const upserted =
      event.$case === 'delta' ? event.value.upserted : event.$case === 'snapshot' ? event.value.endpoints : [];
    const removed = event.$case === 'delta' ? event.value.removed : [];
    this.messages.push({
      kind: event.$case,
      revision,
      hasToken,
      bytes,
      removed,
      upserted: upserted.map(({ id }) => id),
    });
    if (bytes > LIMITS.messageBytesMax) throw new Error(`a message of ${bytes} bytes`);
    if (revision < this.#revision) throw new Error(`revision ${revision} after ${this.#revision} (W3)`);
    switch (event.$case) {
      case 'snapshot':
        this.#takeChunk(event.value, revision, hasToken);
        break;
      case 'delta':
        this.#takeChange(revision);
        if (!hasToken) throw new Error('a delta without a token');
        for (const { endpointId } of event.value.removed) this.#remove(endpointId);
        for (const endpoint of event.value.upserted) this.#put(endpoint);
        break;
      case 'checkpoint':
        if (!hasToken) throw new Error('a checkpoint without a token');
        break;
      case 'reconnect':
        this.reconnect = event.value;
        break;
    }
    if (event.$case !== 'snapshot' && this.#chunks !== undefined)
      throw new Error(`${event.$case} amid a snapshot (W1)`);
    if (!hasToken) return;
    this.#tokens++;
    this.#revision = revision;
    this.#token = resumeToken;
    if (message.digest !== this.#digest) {
      throw new Error(`digest ${message.digest}, but the view's is ${this.#digest}, at revision ${revision} (W10)`);
    }
  }

  #takeChunk(
    { endpoints, last, reason }: { endpoints: Endpoint[]; last: boolean; reason: Snapshot_Reason },
    revision: number,
    hasToken: boolean,
  ): void {
    if (last !== hasToken) throw new Error('a token belongs on the last chunk alone (W1)');
    this.#chunks ??= { revision, reason, endpoints: [] };
    if (this.#chunks.revision !== revision || this.#chunks.reason !== reason) {
      throw new Error('the chunks of one snapshot differ in revision or reason (W1)');
    }
    this.#chunks.endpoints.push(...endpoints);
    if (!last) return;
    // The first of a stream may tell again what the watcher had, to replace it.
    if (this.#tokens > 0) this.#takeChange(revision);
    this.#changeRevision = revision;
    this.#view.clear();
    this.#digest = EMPTY_DIGEST;
    for (const endpoint of this.#chunks.endpoints) {
      if (this.#view.has(endpoint.id)) throw new Error(`endpoint ${endpoint.id} twice in one snapshot`);
      this.#put(endpoint);
    }
    this.#chunks = undefined;
    this.snapshots.push(reason);
  }

  #takeChange(revision: number): void {
    if (revision <= this.#changeRevision) throw new Error(`a change at ${revision} after ${this.#changeRevision} (W3)`);
    this.#changeRevision = revision;
  }

  #put(endpoint: Endpoint): void {
    const before = this.#view.get(endpoint.id);
    if (before !== undefined) {
      if (before.modRevision > endpoint.modRevision) throw new Error(`${endpoint.id} went back in time`);
      this.#digest ^= this.#digestOf(before);
    }
    this.#digest ^= this.#digestOf(endpoint);
    this.#view.set(endpoint.id, endpoint);
  }

  #remove(id: string): void {
    const before = this.#view.get(id);
    if (before === undefined) throw new Error(`${id} was removed, but is not in the view`);
    this.#digest ^= this.#digestOf(before);
    this.#view.delete(id);
  }

  #digestOf({ id, modRevision }: Endpoint): Digest {
    return endpointDigest(this.#client.xxh64, id, modRevision);
  }
}
