import { RollcallError } from '../core/errors.js';
import type { Xxh64 } from '../core/hash.js';
import type { ServiceName } from '../core/names.js';
import type { Epoch, Revision } from '../core/token.js';
import { RemovedEndpoint_Reason as RemovalReason } from '../gen/rollcall/v1/discovery.js';
import { systemClock, type Clock } from '../lib/clock.js';
import { Deque } from '../lib/deque.js';
import { firstIndex } from '../lib/first-index.js';
import type { Change, ChangeBatch, Entry, Store } from '../store/contract.js';
import {
  decodeRecord,
  livenessKey,
  parseKey,
  RECORD_PREFIX,
  type EndpointName,
  type EndpointRecord,
} from './schema.js';
import { ServiceState } from './service-state.js';

export interface DirectoryOptions {
  readonly xxh64: Xxh64;
  readonly clock?: Clock;
  /** The most memory that remembered changes may take, roughly. 64 MiB by default. */
  readonly changesBytesMax?: number;
  /** How long {@link Directory.current} waits for a revision that has not arrived. 2 s by default. */
  readonly waitMsMax?: number;
  /** The store's feed has ended and the directory can no longer be trusted. */
  readonly onFailed: (error: Error) => void;
}

/** Services with changes in the revisions that just arrived. Called after all of them were taken in. */
export type DirectoryListener = (changed: ReadonlySet<ServiceState>) => void;

const CHANGES_BYTES_MAX_DEFAULT = 64 * 1024 * 1024;
const WAIT_MS_MAX_DEFAULT = 2_000;
const LOAD_PAGE = 10_000;
/** What a remembered change takes besides the record it made. */
const CHANGE_OVERHEAD_BYTES = 256;

interface Waiter {
  readonly revision: Revision;
  readonly resolve: () => void;
}

/**
 * This server's view of every endpoint, in memory: the state at
 * {@link revision}, and each change after {@link floor}.
 *
 * It is loaded once and then follows the store's feed, whole revisions at a
 * time. Watches and lists are answered from here; the catalog decides on the
 * store itself.
 */
export class Directory {
  readonly epoch: Epoch;
  readonly #store: Store;
  readonly #xxh64: Xxh64;
  readonly #clock: Clock;
  readonly #changesBytesMax: number;
  readonly #waitMsMax: number;
  readonly #services = new Map<string, ServiceState>();
  /** Whose oldest change is the oldest of all, and what forgetting it frees. */
  readonly #order = new Deque<{ readonly service: ServiceState; readonly bytes: number }>();
  readonly #listeners = new Set<DirectoryListener>();
  readonly #waiters = new Set<Waiter>();
  #orderedKeys: readonly string[] | undefined;
  #changesBytes = 0;
  #endpointCount = 0;
  #revision: Revision = 0;
  #floor: Revision = 0;
  #unfollow: () => void = () => undefined;

  /** Loads the state and begins to follow. */
  static async open(store: Store, options: DirectoryOptions): Promise<Directory> {
    const directory = new Directory(store, options);
    await directory.#load(options.onFailed);
    return directory;
  }

  private constructor(store: Store, options: DirectoryOptions) {
    this.#store = store;
    this.epoch = store.epoch;
    this.#xxh64 = options.xxh64;
    this.#clock = options.clock ?? systemClock;
    this.#changesBytesMax = options.changesBytesMax ?? CHANGES_BYTES_MAX_DEFAULT;
    this.#waitMsMax = options.waitMsMax ?? WAIT_MS_MAX_DEFAULT;
  }

  /** The revision that everything here is at. */
  get revision(): Revision {
    return this.#revision;
  }

  /** Changes after this revision are remembered; a view older than this cannot be brought forward. */
  get floor(): Revision {
    return this.#floor;
  }

  get endpointCount(): number {
    return this.#endpointCount;
  }

  /** Undefined for a service that has neither endpoints nor remembered changes. */
  service(name: ServiceName): ServiceState | undefined {
    return this.#services.get(serviceKey(name));
  }

  endpoint(name: EndpointName): EndpointRecord | undefined {
    return this.service(name)?.endpoints.get(name.id);
  }

  services(): Iterable<ServiceState> {
    return this.#services.values();
  }

  /** The services of a namespace with names greater than `service`, in order, which is kept until one comes or goes. */
  *servicesAfter(namespace: string, service: string): Generator<ServiceState> {
    const keys = (this.#orderedKeys ??= [...this.#services.keys()].sort());
    const after = `${namespace}/${service}`;
    for (let at = firstIndex(keys.length, (index) => keys[index]! > after); at < keys.length; at++) {
      if (!keys[at]!.startsWith(`${namespace}/`)) return;
      yield this.#services.get(keys[at]!)!;
    }
  }

  /**
   * Waits until the directory is at least as new as every write that was
   * answered before this call, and as `revision`.
   *
   * @throws RollcallError REVISION_UNAVAILABLE when that takes too long.
   */
  async current(revision: Revision = 0): Promise<void> {
    const wanted = Math.max(revision, await this.#store.barrier());
    if (this.#revision >= wanted) return;
    await new Promise<void>((resolve, reject) => {
      const waiter = { revision: wanted, resolve: () => (timer.cancel(), resolve()) };
      const timer = this.#clock.after(this.#waitMsMax, () => {
        this.#waiters.delete(waiter);
        const message = `this server is at revision ${this.#revision}, not yet at ${wanted}`;
        reject(new RollcallError('REVISION_UNAVAILABLE', message));
      });
      this.#waiters.add(waiter);
    });
  }

  /** Tells `listener` of changes from now on. Returns how to stop. */
  listen(listener: DirectoryListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#unfollow();
    this.#listeners.clear();
  }

  async #load(onFailed: (error: Error) => void): Promise<void> {
    const loaded = new Map<string, EndpointRecord>();
    let after = '';
    let revision: Revision | undefined;
    for (let more = true; more;) {
      const page = await this.#store.range({ prefix: RECORD_PREFIX, after, limit: LOAD_PAGE });
      for (const entry of page.entries) loaded.set(entry.key, decodeRecord(entry, this.#xxh64));
      after = page.entries.at(-1)?.key ?? after;
      more = page.more;
      // Each page has a revision of its own. The feed tells again of what changed since the first.
      revision ??= page.revision;
    }
    const { floor } = this.#store;
    if (revision === undefined || revision < floor) return this.#load(onFailed);
    for (const [key, record] of loaded) this.#set(parseKey(key), record);
    this.#revision = revision;
    this.#floor = floor;
    // History up to here fills in the remembered changes; what comes after it changes the state.
    const remembered = new RememberedRecords(loaded, this.#xxh64);
    this.#unfollow = this.#store.follow(floor, {
      onBatches: (batches) => this.#onBatches(batches, remembered),
      onCompacted: (to) => this.#forgetTo(to),
      onEnd: onFailed,
    });
    remembered.clear();
  }

  #onBatches(batches: readonly ChangeBatch[], remembered: RememberedRecords): void {
    const changed = new Set<ServiceState>();
    for (const batch of batches) {
      for (const change of batch.changes) {
        if (change.key.startsWith(RECORD_PREFIX)) changed.add(this.#take(change, batch, remembered));
      }
      this.#revision = Math.max(this.#revision, batch.revision);
    }
    for (const listener of this.#listeners) listener(changed);
    // Only now: listeners account for every change before it may be forgotten.
    this.#forgetExcess();
    for (const waiter of this.#waiters) {
      if (waiter.revision > this.#revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** Takes one change of a record in, and remembers it. */
  #take({ key, entry, prev }: Change, batch: ChangeBatch, remembered: RememberedRecords): ServiceState {
    const name = parseKey(key);
    const isHistory = batch.revision <= this.#revision;
    const before = isHistory ? remembered.record(prev) : this.#before(name, prev);
    const after = isHistory ? remembered.record(entry) : entry && decodeRecord(entry, this.#xxh64);
    const service = isHistory ? this.#serviceFor(name) : this.#set(name, after);
    service.changes.push({
      revision: batch.revision,
      id: name.id,
      before,
      after,
      removal: after === undefined ? removalReason(name, batch) : RemovalReason.UNSPECIFIED,
    });
    const bytes = CHANGE_OVERHEAD_BYTES + (after?.encoded.length ?? 0);
    this.#changesBytes += bytes;
    this.#order.push({ service, bytes });
    return service;
  }

  /** What an endpoint was; not what is held of it, if it was loaded by a page ahead of the feed. */
  #before(name: EndpointName, prev: Entry | undefined): EndpointRecord | undefined {
    const held = this.endpoint(name);
    if (held?.endpoint.modRevision === prev?.modRevision) return held;
    return prev && decodeRecord(prev, this.#xxh64);
  }

  #set(name: EndpointName, record: EndpointRecord | undefined): ServiceState {
    const service = this.#serviceFor(name);
    this.#endpointCount -= service.endpoints.size;
    service.set(name.id, record);
    this.#endpointCount += service.endpoints.size;
    return service;
  }

  #serviceFor(name: ServiceName): ServiceState {
    const key = serviceKey(name);
    let service = this.#services.get(key);
    if (service === undefined) {
      service = new ServiceState({ namespace: name.namespace, service: name.service });
      this.#services.set(key, service);
      this.#orderedKeys = undefined;
    }
    return service;
  }

  #forgetTo(revision: Revision): void {
    while ((this.#order.first()?.service.changes.first()?.revision ?? Infinity) <= revision) this.#forgetOldest();
    this.#floor = Math.max(this.#floor, revision);
  }

  /** Forgets whole revisions until what is remembered fits. */
  #forgetExcess(): void {
    while (this.#changesBytes > this.#changesBytesMax) {
      const oldest = this.#order.first()?.service.changes.first();
      if (oldest === undefined) return;
      this.#forgetTo(oldest.revision);
    }
  }

  #forgetOldest(): void {
    const oldest = this.#order.shift();
    if (oldest === undefined) return;
    this.#changesBytes -= oldest.bytes;
    oldest.service.changes.shift();
    if (oldest.service.forgettable) {
      this.#services.delete(serviceKey(oldest.service.name));
      this.#orderedKeys = undefined;
    }
  }
}

/** Decodes the records of history, sharing those that appear as one change's outcome and the next one's past. */
class RememberedRecords {
  readonly #records = new Map<string, EndpointRecord>();
  readonly #xxh64: Xxh64;

  constructor(loaded: ReadonlyMap<string, EndpointRecord>, xxh64: Xxh64) {
    this.#xxh64 = xxh64;
    for (const [key, record] of loaded) this.#records.set(`${key}@${record.endpoint.modRevision}`, record);
  }

  record(entry: Entry | undefined): EndpointRecord | undefined {
    if (entry === undefined) return undefined;
    const key = `${entry.key}@${entry.modRevision}`;
    let record = this.#records.get(key);
    if (record === undefined) this.#records.set(key, (record = decodeRecord(entry, this.#xxh64)));
    return record;
  }

  clear(): void {
    this.#records.clear();
  }
}

function removalReason(name: EndpointName, { changes }: ChangeBatch): RemovalReason {
  const liveness = livenessKey(name);
  return changes.some((change) => change.key === liveness && change.entry === undefined)
    ? RemovalReason.DEREGISTERED
    : RemovalReason.EXPIRED;
}

function serviceKey({ namespace, service }: ServiceName): string {
  return `${namespace}/${service}`;
}
