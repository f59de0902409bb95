import { isRollcallError } from '../core/errors.js';
import { systemClock, type Clock, type Timer } from '../lib/clock.js';
import { Deque } from '../lib/deque.js';
import type { Directory } from '../directory/directory.js';
import { LIVENESS_PREFIX, livenessKey, parseKey, recordKey } from '../directory/schema.js';
import type { Change, ChangeBatch, Store } from '../store/contract.js';

const PAGE = 10_000;
const RETRY_MS = 1_000;

/** Removals under way at once. */
const CONCURRENCY = 256;

/**
 * Removes the records of endpoints whose lease has lapsed.
 *
 * The store deletes a liveness key when its lease ends. The record is then
 * removed, guarded by its revision and by the absence of the liveness key: a
 * registration that was made anew meanwhile has changed both, so an old lease
 * never costs a newer registration.
 */
export class Reaper {
  readonly #store: Store;
  readonly #directory: Directory;
  readonly #clock: Clock;
  /** Liveness keys that are gone and whose records have yet to be looked at. */
  readonly #lapsed = new Deque<string>();
  /** Those whose removal the store refused; they wait for {@link RETRY_MS}. */
  readonly #refused = new Set<string>();
  #active = 0;
  #retry: Timer | undefined;
  #unfollow: () => void = () => undefined;
  #stopped = false;

  /** Begins to remove, also what lapsed while no reaper ran. The directory must be open on the same store. */
  static async start(store: Store, directory: Directory, clock: Clock = systemClock): Promise<Reaper> {
    const reaper = new Reaper(store, directory, clock);
    await reaper.#start();
    return reaper;
  }

  private constructor(store: Store, directory: Directory, clock: Clock) {
    this.#store = store;
    this.#directory = directory;
    this.#clock = clock;
  }

  stop(): void {
    this.#stopped = true;
    this.#unfollow();
    this.#retry?.cancel();
  }

  async #start(): Promise<void> {
    this.#unfollow = this.#store.follow(this.#store.revision, {
      onBatches: (batches) => this.#onBatches(batches),
      // The directory follows the same feed and reports its end.
      onEnd: () => this.stop(),
    });
    const alive = new Set<string>();
    let after = '';
    for (let more = true; more;) {
      const page = await this.#store.range({ prefix: LIVENESS_PREFIX, after, limit: PAGE });
      for (const { key } of page.entries) alive.add(key);
      after = page.entries.at(-1)?.key ?? after;
      more = page.more;
    }
    for (const service of this.#directory.services()) {
      for (const id of service.endpoints.keys()) {
        const key = livenessKey({ ...service.name, id });
        if (!alive.has(key)) this.#lapsed.push(key);
      }
    }
    this.#work();
  }

  #onBatches(batches: readonly ChangeBatch[]): void {
    for (const { changes } of batches) {
      const changed = new Set(changes.map((change) => change.key));
      for (const change of changes) if (isLapse(change, changed)) this.#lapsed.push(change.key);
    }
    this.#work();
  }

  #work(): void {
    while (this.#active < CONCURRENCY && !this.#stopped) {
      const key = this.#lapsed.shift();
      if (key === undefined) return;
      this.#active++;
      void this.#remove(key)
        .catch((error: unknown) => {
          if (!isRollcallError(error)) throw error;
          this.#retryLater(key);
        })
        .finally(() => {
          this.#active--;
          this.#work();
        });
    }
  }

  /** Removes the record, unless it was registered anew. */
  async #remove(key: string): Promise<void> {
    const name = parseKey(key);
    const record = await this.#store.get(recordKey(name));
    if (record === undefined) return;
    const { committed } = await this.#store.txn({
      guards: [
        { key, modRevision: 0 },
        { key: record.key, modRevision: record.modRevision },
      ],
      ops: [{ kind: 'delete', key: record.key }],
    });
    if (!committed && (await this.#store.get(key)) === undefined) this.#lapsed.push(key);
  }

  /** The store refuses writes for now, as their callers are being told; the record stays until it takes them again. */
  #retryLater(key: string): void {
    this.#refused.add(key);
    if (this.#stopped || this.#retry !== undefined) return;
    this.#retry = this.#clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      for (const refused of this.#refused) this.#lapsed.push(refused);
      this.#refused.clear();
      this.#work();
    });
  }
}

/** Whether a liveness key went without its record: a lease that lapsed, rather than a deregistration. */
function isLapse({ key, entry }: Change, changed: ReadonlySet<string>): boolean {
  return key.startsWith(LIVENESS_PREFIX) && entry === undefined && !changed.has(recordKey(parseKey(key)));
}
