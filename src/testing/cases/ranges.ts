import assert from 'node:assert/strict';
import type { Entry, Store } from '../../store/contract.js';
import { putOp, storeCase, type CaseContext, type ConformanceCase } from '../conformance-case.js';

/** In the order of ASCII, which is that of no dictionary. */
const KEYS = ['a', 'a!', 'a-b', 'a/', 'a/1', 'a/10', 'a/2', 'a0', 'aB', 'aa', 'b/1', '~'];

/** What an engine takes in one transaction may be limited; etcd takes 128 by default. */
const OPS_MAX = 100;

async function putAll(context: CaseContext, keys: readonly string[]): Promise<void> {
  for (let from = 0; from < keys.length; from += OPS_MAX) {
    await context.commit({ ops: keys.slice(from, from + OPS_MAX).map((key) => putOp(key, key)) });
  }
}

function keysOf(entries: readonly Entry[]): string[] {
  return entries.map(({ key }) => key);
}

async function allPages(store: Store, prefix: string, limit: number): Promise<string[]> {
  const keys: string[] = [];
  for (let after = ''; ; after = keys.at(-1) ?? '') {
    const page = await store.range({ prefix, after, limit });
    assert.ok(page.entries.length <= limit);
    assert.ok(!page.more || page.entries.length > 0, 'a page that is not the last holds something');
    keys.push(...keysOf(page.entries));
    if (!page.more) return keys;
  }
}

export const rangeCases: readonly ConformanceCase[] = [
  storeCase('a range is ordered by key, as ASCII', async (context) => {
    await putAll(context, KEYS.toReversed());
    assert.deepEqual(keysOf(await context.entries()), KEYS);
  }),

  storeCase('a range holds the keys of its prefix and no others', async (context) => {
    await putAll(context, KEYS);
    assert.deepEqual(keysOf(await context.entries('a/')), ['a/', 'a/1', 'a/10', 'a/2']);
    assert.deepEqual(keysOf(await context.entries('a/1')), ['a/1', 'a/10']);
    assert.deepEqual(await context.entries('c'), []);
  }),

  storeCase('a range begins after the key that it is told, whether or not that exists', async (context) => {
    await putAll(context, KEYS);
    const after = async (key: string) => keysOf((await context.store.range({ prefix: 'a/', after: key })).entries);
    assert.deepEqual(await after('a/1'), ['a/10', 'a/2']);
    assert.deepEqual(await after('a/11'), ['a/2']);
    assert.deepEqual(await after('a'), ['a/', 'a/1', 'a/10', 'a/2']);
    assert.deepEqual(await after('a/2'), []);
    assert.deepEqual(await after('b'), []);
  }),

  storeCase('pages of any size make up the whole range, and the last one says so', async (context) => {
    await putAll(context, KEYS);
    for (let limit = 1; limit <= KEYS.length + 1; limit++) {
      assert.deepEqual(await allPages(context.store, '', limit), KEYS, `pages of ${limit}`);
      assert.deepEqual(await allPages(context.store, 'a/', limit), ['a/', 'a/1', 'a/10', 'a/2'], `pages of ${limit}`);
    }
  }),

  storeCase('a page has 1,000 entries unless told otherwise', async (context) => {
    const keys = Array.from({ length: 1_001 }, (_, index) => `k/${String(index).padStart(4, '0')}`);
    await putAll(context, keys);
    const page = await context.store.range({ prefix: 'k/' });
    assert.deepEqual([page.entries.length, page.more], [1_000, true]);
    const rest = await context.store.range({ prefix: 'k/', after: 'k/0999' });
    assert.deepEqual([keysOf(rest.entries), rest.more], [['k/1000'], false]);
  }),

  storeCase(
    'what exists throughout is in the pages once, whatever else comes and goes between them',
    async (context) => {
      await putAll(context, ['p/1', 'p/3', 'p/5', 'p/7', 'p/9']);
      const first = await context.store.range({ prefix: 'p/', limit: 2 });
      await context.commit({ ops: [{ kind: 'delete', key: 'p/3' }, putOp('p/2', ''), putOp('p/6', '')] });
      const second = await context.store.range({ prefix: 'p/', after: 'p/3', limit: 10 });
      assert.deepEqual(keysOf(first.entries), ['p/1', 'p/3']);
      assert.deepEqual(keysOf(second.entries), ['p/5', 'p/6', 'p/7', 'p/9']);
      assert.ok(second.revision > first.revision);
    },
  ),

  storeCase('reads see every transaction that was answered before', async (context) => {
    for (let count = 1; count <= 20; count++) {
      const revision = await context.put('a', String(count));
      const [entry, page, barrier] = await Promise.all([
        context.store.get('a'),
        context.store.range({ prefix: 'a' }),
        context.store.barrier(),
      ]);
      assert.equal(entry?.modRevision, revision);
      assert.equal(page.entries[0]?.modRevision, revision);
      assert.ok(page.revision >= revision && barrier >= revision && context.store.revision >= revision);
    }
  }),
];
