import assert from 'node:assert/strict';
import { isRollcallError, type Reason } from '../core/errors.js';
import type { Entry, Revision, Store, Txn } from '../store/contract.js';
import { RecordingFollower } from './recording-follower.js';
import type { Feature, StoreHarness, StoreOpenOptions } from './store-harness.js';

/** One promise of the store contract, as a test for whatever test runner. */
export interface ConformanceCase {
  /** A sentence that says what must hold. */
  readonly name: string;
  /** The features without which the case has no meaning. */
  readonly needs: readonly Feature[];
  /** Resolves if the engine keeps the promise; rejects with an AssertionError, or whatever the engine threw, if not. */
  run(harness: StoreHarness): Promise<void>;
}

/** A store that was opened for a case, and what cases do with it. Everything is closed after the case. */
export class CaseContext {
  readonly harness: StoreHarness;
  readonly #opened = new Set<Store>();
  readonly #followers: RecordingFollower[] = [];
  #store: Store | undefined;

  constructor(harness: StoreHarness) {
    this.harness = harness;
  }

  /** The store that the case is about. */
  get store(): Store {
    assert.ok(this.#store, 'open was called');
    return this.#store;
  }

  async open(options?: StoreOpenOptions): Promise<Store> {
    this.#store = await this.harness.open(options);
    this.#opened.add(this.#store);
    return this.#store;
  }

  /** Closes the store and opens what it held anew. */
  async reopen(options?: StoreOpenOptions): Promise<Store> {
    await this.store.close();
    assert.ok(this.harness.reopen, 'a harness without reopen excludes the feature restart, and says why');
    this.#store = await this.harness.reopen(this.store, options);
    this.#opened.add(this.#store);
    return this.#store;
  }

  async stall(ms: number): Promise<void> {
    assert.ok(this.harness.stall, 'a harness without stall excludes the feature stall, and says why');
    await this.harness.stall(ms);
  }

  follow(after: Revision): RecordingFollower {
    const follower = new RecordingFollower(this.store, after);
    this.#followers.push(follower);
    return follower;
  }

  /** A transaction that must be committed. Returns its revision. */
  async commit(txn: Txn): Promise<Revision> {
    const result = await this.store.txn(txn);
    assert.ok(result.committed, 'the transaction is committed');
    return result.revision;
  }

  put(key: string, value: string, lease?: number): Promise<Revision> {
    return this.commit({ ops: [putOp(key, value, lease)] });
  }

  delete(key: string): Promise<Revision> {
    return this.commit({ ops: [{ kind: 'delete', key }] });
  }

  /** Every entry, read in one page. */
  async entries(prefix = ''): Promise<readonly Entry[]> {
    const page = await this.store.range({ prefix, limit: 1_000_000 });
    assert.equal(page.more, false);
    return page.entries;
  }

  /** That no follower was told what it should not have been. */
  checkFollowers(): void {
    for (const follower of this.#followers) follower.check();
  }

  async closeAll(): Promise<void> {
    for (const store of this.#opened) await store.close();
  }
}

/** Defines a case. Its store is opened before `body` runs, and closed after it. */
export function storeCase(
  name: string,
  body: (context: CaseContext) => Promise<void>,
  more: { readonly needs?: readonly Feature[]; readonly options?: StoreOpenOptions } = {},
): ConformanceCase {
  return {
    name,
    needs: more.needs ?? [],
    run: async (harness) => {
      const context = new CaseContext(harness);
      await context.open(more.options);
      try {
        await body(context);
        context.checkFollowers();
      } finally {
        await context.closeAll();
      }
    },
  };
}

export function putOp(key: string, value: string, lease?: number): Txn['ops'][number] {
  const op = { kind: 'put', key, value: Buffer.from(value) } as const;
  return lease === undefined ? op : { ...op, lease };
}

export function textOf(entry: Entry | undefined): string | undefined {
  return entry && Buffer.from(entry.value).toString();
}

/** That a promise, or a function, fails with a RollcallError of that reason. */
export async function assertRefused(attempt: Promise<unknown> | (() => unknown), reason: Reason): Promise<void> {
  await assert.rejects(
    async () => {
      await (typeof attempt === 'function' ? attempt() : attempt);
    },
    (error: unknown) => {
      assert.ok(isRollcallError(error, reason), `refused with ${reason}, not ${String(error)}`);
      return true;
    },
  );
}
