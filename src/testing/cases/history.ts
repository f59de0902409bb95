import assert from 'node:assert/strict';
import type { Revision } from '../../store/contract.js';
import { assertRefused, putOp, storeCase, type CaseContext, type ConformanceCase } from '../conformance-case.js';
import { eventually } from '../eventually.js';
import { plain } from '../recording-follower.js';

const COUNT_MAX = 10;
const AGE_MS_MAX = 20_000;

async function putMany(context: CaseContext, count: number): Promise<Revision> {
  let revision: Revision = 0;
  for (let index = 1; index <= count; index++) revision = await context.put('a', String(index));
  return revision;
}

export const historyCases: readonly ConformanceCase[] = [
  storeCase('compaction raises the floor to the revision it is given, and changes nothing else', async (context) => {
    await context.put('b', '1');
    const at = await putMany(context, 3);
    const last = await putMany(context, 2);
    const before = await context.entries();
    await context.store.compact(at);
    assert.equal(context.store.floor, at);
    assert.equal(await context.store.barrier(), last);
    assert.deepEqual((await context.entries()).map(plain), before.map(plain));
  }),

  storeCase('following is possible from the floor, and below it is refused with COMPACTED', async (context) => {
    const { revision: start } = context.store;
    const at = await putMany(context, 3);
    const last = await putMany(context, 2);
    await context.store.compact(at);
    await assertRefused(() => context.store.follow(at - 1, context.follow(last)), 'COMPACTED');
    await assertRefused(() => context.store.follow(start, context.follow(last)), 'COMPACTED');
    const follower = context.follow(at);
    await follower.reach(last);
    assert.equal(follower.batches.length, 2);
  }),

  storeCase('history compacted exactly at a removal still tells of everything after it', async (context) => {
    await context.commit({ ops: [putOp('a', '1'), putOp('b', '1')] });
    const removal = await context.delete('a');
    await context.put('a', '2');
    const last = await context.delete('b');
    await context.store.compact(removal);
    await assertRefused(() => context.store.follow(removal - 1, context.follow(last)), 'COMPACTED');
    const follower = context.follow(removal);
    await follower.reach(last);
    assert.deepEqual(
      follower.changes.map(({ key, entry }) => [key, entry === undefined]),
      [
        ['a', false],
        ['b', true],
      ],
    );
    assert.deepEqual(follower.changesOf('a')[0]?.prev, undefined);
  }),

  storeCase('the floor never falls, and never rises above the newest revision', async (context) => {
    const at = await putMany(context, 3);
    const last = await putMany(context, 2);
    await context.store.compact(at);
    await context.store.compact(at - 2);
    assert.equal(context.store.floor, at);
    await context.store.compact(last + 1_000);
    assert.equal(context.store.floor, last);
    const follower = context.follow(last);
    const next = await context.put('a', 'x');
    await follower.reach(next);
    assert.equal(follower.batches.length, 1);
  }),

  storeCase('those who follow are told of the new floor, and go on undisturbed', async (context) => {
    const { revision: start } = context.store;
    const follower = context.follow(start);
    const at = await putMany(context, 3);
    await context.store.compact(at);
    await eventually('the follower is told of the floor', () => follower.floors.at(-1) === at);
    const last = await putMany(context, 2);
    await follower.reach(last);
    assert.equal(follower.batches.length, 5);
  }),

  storeCase(
    'history is bounded by count, and reaches back nearly as far',
    async (context) => {
      const follower = context.follow(context.store.revision);
      const last = await putMany(context, 5 * COUNT_MAX);
      await eventually('the floor rises', () => context.store.floor >= last - COUNT_MAX);
      await follower.reach(last);
      const kept = context.follow(last - COUNT_MAX / 2);
      await kept.reach(last);
      assert.equal(kept.batches.length, COUNT_MAX / 2);
      await assertRefused(() => context.store.follow(last - COUNT_MAX - 1, context.follow(last)), 'COMPACTED');
      await eventually('followers are told', () => follower.floors.at(-1) === context.store.floor);
    },
    { needs: ['history-by-count'], options: { history: { countMax: COUNT_MAX } } },
  ),

  storeCase(
    'history is bounded by age, also when nothing is written any more',
    async (context) => {
      const old = await putMany(context, 3);
      await context.harness.advance(AGE_MS_MAX * 0.75);
      const young = await putMany(context, 3);
      assert.ok(context.store.floor < old);
      await context.harness.advance(AGE_MS_MAX * 0.75);
      await eventually('the old ones go', () => context.store.floor >= old);
      assert.equal(context.store.floor, old);
      const follower = context.follow(old);
      await follower.reach(young);
      await context.harness.advance(AGE_MS_MAX);
      await eventually('the young ones go', () => context.store.floor === young);
    },
    { needs: ['history-by-age'], options: { history: { ageMsMax: AGE_MS_MAX } } },
  ),
];
