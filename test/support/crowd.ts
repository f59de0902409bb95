import { EMPTY_DIGEST, endpointDigest, type Digest } from '../../src/core/digest.js';
import type { Xxh64 } from '../../src/core/hash.js';
import { LIMITS } from '../../src/core/limits.js';
import {
  DiscoveryServiceService as discovery,
  WatchRequest,
  WatchResponse,
} from '../../src/gen/rollcall/v1/discovery.js';
import type { RawClient } from './raw-client.js';
import { MessageSplitter, type RawHttp2 } from './raw-http2.js';

/** A view that many watchers begin with, held once for all of them. */
interface SharedView {
  /** Each endpoint's revision. */
  readonly revisions: ReadonlyMap<string, number>;
  readonly digest: Digest;
}

/**
 * Thousands of watchers of one service in one process. Each follows its own stream and checks the digest of its own view
 * after every message; what is equal among them (decoded messages, the view of a first snapshot) is held once.
 */
export class Crowd {
  readonly watchers: CrowdWatcher[] = [];
  readonly #xxh64: Xxh64;
  readonly #decoded = new Map<bigint, WatchResponse>();
  readonly #views = new Map<string, SharedView>();

  constructor(xxh64: Xxh64) {
    this.#xxh64 = xxh64;
  }

  /** A watcher that reads. */
  open(client: RawClient, request: Parameters<RawClient['rawWatch']>[0]): CrowdWatcher {
    const watcher = this.#add();
    const stream = client.rawWatch(request);
    stream.on('data', (bytes: Buffer) => watcher.take(bytes));
    stream.on('error', (error) => (watcher.fault ??= error));
    return watcher;
  }

  /** A watcher that reads nothing before `read` is called; not even grpc-js reads for it. */
  openUnread(client: RawHttp2, service: string): UnreadWatch {
    const watcher = this.#add();
    const request = discovery.watch.requestSerialize(WatchRequest.fromPartial({ service }));
    const stream = client.unread(discovery.watch.path, request);
    const splitter = new MessageSplitter();
    const take = (bytes: Buffer) => {
      for (const message of splitter.take(bytes)) watcher.take(message);
    };
    return { watcher, unreadBytes: () => stream.readableLength, read: () => void stream.on('data', take) };
  }

  #add(): CrowdWatcher {
    const watcher = new CrowdWatcher(this);
    this.watchers.push(watcher);
    return watcher;
  }

  /** @throws the first thing that was wrong with anyone's messages. */
  check(): void {
    for (const { fault } of this.watchers) if (fault !== undefined) throw fault;
  }

  decode(bytes: Buffer): { readonly hash: bigint; readonly message: WatchResponse } {
    const hash = this.#xxh64(bytes);
    let message = this.#decoded.get(hash);
    if (message === undefined) this.#decoded.set(hash, (message = WatchResponse.decode(bytes)));
    return { hash, message };
  }

  /** The view of a snapshot, by the hashes of its chunks. */
  viewOf(hashes: readonly bigint[]): SharedView {
    const key = hashes.join();
    let view = this.#views.get(key);
    if (view === undefined) {
      const revisions = new Map<string, number>();
      let digest = EMPTY_DIGEST;
      for (const hash of hashes) {
        const { event } = this.#decoded.get(hash)!;
        if (event?.$case !== 'snapshot') throw new Error('not a chunk of a snapshot');
        for (const { id, modRevision } of event.value.endpoints) {
          if (revisions.has(id)) throw new Error(`endpoint ${id} twice in one snapshot`);
          revisions.set(id, modRevision);
          digest ^= this.digestOf(id, modRevision);
        }
      }
      this.#views.set(key, (view = { revisions, digest }));
    }
    return view;
  }

  digestOf(id: string, modRevision: number): Digest {
    return endpointDigest(this.#xxh64, id, modRevision);
  }
}

interface UnreadWatch {
  readonly watcher: CrowdWatcher;
  /** What has arrived and lies in the client's HTTP/2 window. */
  readonly unreadBytes: () => number;
  /** Begins to read. */
  readonly read: () => void;
}

export class CrowdWatcher {
  /** Of the latest message with a token; 0 before the first snapshot is complete. */
  revision = 0;
  digest: Digest = EMPTY_DIGEST;
  snapshots = 0;
  deltas = 0;
  bytesMax = 0;
  fault: Error | undefined;
  readonly #crowd: Crowd;
  #base: SharedView = { revisions: new Map(), digest: EMPTY_DIGEST };
  /** What differs from the base: a revision, or undefined for what is gone. */
  readonly #changed = new Map<string, number | undefined>();
  #chunks: bigint[] = [];
  #size = 0;

  constructor(crowd: Crowd) {
    this.#crowd = crowd;
  }

  /** How many endpoints the view has. */
  get size(): number {
    return this.#size;
  }

  take(bytes: Buffer): void {
    try {
      this.#take(bytes);
    } catch (error) {
      this.fault ??= error as Error;
    }
  }

  #take(bytes: Buffer): void {
    const { hash, message } = this.#crowd.decode(bytes);
    const { event, revision, resumeToken } = message;
    this.bytesMax = Math.max(this.bytesMax, bytes.length);
    if (bytes.length > LIMITS.messageBytesMax) throw new Error(`a message of ${bytes.length} bytes`);
    if (revision < this.revision) throw new Error(`revision ${revision} after ${this.revision}`);
    if (event?.$case === 'snapshot') {
      this.#chunks.push(hash);
      if (!event.value.last) return;
      this.#base = this.#crowd.viewOf(this.#chunks);
      this.#chunks = [];
      this.#changed.clear();
      this.digest = this.#base.digest;
      this.#size = this.#base.revisions.size;
      this.snapshots++;
    } else if (event?.$case === 'delta') {
      this.deltas++;
      for (const { endpointId } of event.value.removed) this.#set(endpointId, undefined);
      for (const { id, modRevision } of event.value.upserted) this.#set(id, modRevision);
    }
    if (resumeToken === '') return;
    this.revision = revision;
    if (message.digest !== this.digest) throw new Error(`digest ${message.digest}, but the view's is ${this.digest}`);
  }

  #set(id: string, revision: number | undefined): void {
    const before = this.#changed.has(id) ? this.#changed.get(id) : this.#base.revisions.get(id);
    if (before !== undefined) this.digest ^= this.#crowd.digestOf(id, before);
    if (revision !== undefined) this.digest ^= this.#crowd.digestOf(id, revision);
    this.#size += Number(revision !== undefined) - Number(before !== undefined);
    this.#changed.set(id, revision);
  }
}
