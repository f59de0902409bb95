import assert from 'node:assert/strict';
import type { Revision, Store } from '../../store/contract.js';
import { putOp, storeCase, textOf, type ConformanceCase } from '../conformance-case.js';

const WRITERS = 64;

async function increment(store: Store, key: string): Promise<Revision> {
  for (;;) {
    const current = await store.get(key);
    const result = await store.txn({
      guards: [{ key, modRevision: current?.modRevision ?? 0 }],
      ops: [putOp(key, String(Number(textOf(current) ?? 0) + 1))],
    });
    if (result.committed) return result.revision;
  }
}

function each<T>(count: number, fn: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => fn(index)));
}

function sum(values: readonly (string | undefined)[]): number {
  return values.reduce((total, value) => total + Number(value), 0);
}

export const concurrencyCases: readonly ConformanceCase[] = [
  storeCase(
    `${WRITERS} increments at once under guards each have one effect, in a revision of its own`,
    async (context) => {
      const follower = context.follow(context.store.revision);
      const revisions = await each(WRITERS, () => increment(context.store, 'count'));
      assert.equal(textOf(await context.store.get('count')), String(WRITERS));
      await follower.reach(Math.max(...revisions));
      assert.deepEqual(
        follower.batches.map(({ revision }) => revision),
        [...revisions].sort((a, b) => a - b),
      );
      const values = follower.changes.map(({ entry }) => Number(textOf(entry)));
      assert.deepEqual(
        values,
        Array.from({ length: WRITERS }, (_, index) => index + 1),
      );
    },
  ),

  storeCase(
    'writers at once are each answered with the revision that followers see their change in',
    async (context) => {
      const follower = context.follow(context.store.revision);
      const revisions = await each(WRITERS, (index) => context.put(`k/${index}`, String(index)));
      await follower.reach(Math.max(...revisions));
      assert.equal(new Set(revisions).size, WRITERS);
      for (const [index, revision] of revisions.entries()) {
        assert.deepEqual(
          follower.batch(revision).changes.map(({ key }) => key),
          [`k/${index}`],
        );
        assert.equal((await context.store.get(`k/${index}`))?.modRevision, revision);
      }
    },
  ),

  storeCase(
    'of many that want to create a key, one does, and the others are told at a revision that has it',
    async (context) => {
      const results = await each(WRITERS, (index) =>
        context.store.txn({ guards: [{ key: 'a', modRevision: 0 }], ops: [putOp('a', String(index))] }),
      );
      const won = results.findIndex(({ committed }) => committed);
      assert.equal(results.filter(({ committed }) => committed).length, 1);
      const entry = await context.store.get('a');
      assert.equal(textOf(entry), String(won));
      assert.ok(results.every(({ revision }) => revision >= (entry?.modRevision ?? Infinity)));
    },
  ),

  storeCase('what transfers keep the same is the same at every revision, and in every read', async (context) => {
    const keys = ['t/0', 't/1', 't/2', 't/3'];
    const start = await context.commit({ ops: keys.map((key) => putOp(key, '100')) });
    const before = await context.entries();
    const follower = context.follow(start);
    const transfer = async (index: number): Promise<Revision> => {
      const [from, to] = [keys[index % 4]!, keys[(index + 1 + (index % 3)) % 4]!];
      for (;;) {
        const { entries } = await context.store.range({ prefix: 't/' });
        assert.equal(sum(entries.map(textOf)), 400);
        const [source, target] = [from, to].map((key) => entries.find((entry) => entry.key === key)!);
        const result = await context.store.txn({
          guards: [source!, target!].map(({ key, modRevision }) => ({ key, modRevision })),
          ops: [putOp(from, String(Number(textOf(source)) - 1)), putOp(to, String(Number(textOf(target)) + 1))],
        });
        if (result.committed) return result.revision;
      }
    };
    const revisions = await each(32, transfer);
    await follower.reach(Math.max(...revisions));

    const state = new Map(before.map((entry) => [entry.key, textOf(entry)]));
    for (const { changes } of follower.batches) {
      for (const { key, entry } of changes) state.set(key, textOf(entry));
      assert.equal(sum([...state.values()]), 400);
    }
    assert.equal(follower.batches.length, 32);
  }),

  storeCase('the revision that readers see never goes back while others write', async (context) => {
    const written = new AbortController();
    const writers = each(8, async (index) => {
      for (let count = 0; count < 10; count++) await context.put(`w/${index}`, String(count));
    }).finally(() => written.abort());
    let newest: Revision = 0;
    while (!written.signal.aborted) {
      const { revision, entries } = await context.store.range({ prefix: 'w/' });
      assert.ok(revision >= newest, `${revision} was read after ${newest}`);
      assert.ok(entries.every((entry) => entry.modRevision <= revision));
      newest = revision;
      await context.store.barrier();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writers;
  }),

  storeCase('a lease that many want to end ends once', async (context) => {
    const lease = await context.store.grantLease(context.harness.leaseTtlMs);
    const put = await context.put('a', '1', lease);
    const follower = context.follow(put);
    await each(8, () => context.store.txn({ ops: [], endLeases: [lease] }));
    await follower.reach(await context.put('last', '1'));
    assert.equal(follower.changesOf('a').length, 1);
  }),
];
