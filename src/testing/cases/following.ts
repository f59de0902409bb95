import assert from 'node:assert/strict';
import type { Revision } from '../../store/contract.js';
import { putOp, storeCase, textOf, type CaseContext, type ConformanceCase } from '../conformance-case.js';
import { eventually } from '../eventually.js';
import { plain, plainBatch } from '../recording-follower.js';

/** Puts `a` a few times; returns the revisions. */
async function putMany(context: CaseContext, count: number): Promise<Revision[]> {
  const revisions: Revision[] = [];
  for (let index = 1; index <= count; index++) revisions.push(await context.put('a', String(index)));
  return revisions;
}

export const followingCases: readonly ConformanceCase[] = [
  storeCase('a follower from the beginning is told of history, then of what happens', async (context) => {
    const { revision: start } = context.store;
    const past = await putMany(context, 3);
    const follower = context.follow(start);
    const live = await putMany(context, 3);
    await follower.reach(live[2]!);
    assert.deepEqual(
      follower.batches.map(({ revision }) => revision),
      [...past, ...live],
    );
    assert.deepEqual(
      follower.changes.map(({ entry }) => textOf(entry)),
      ['1', '2', '3', '1', '2', '3'],
    );
  }),

  storeCase('a follower from any revision is told of every one after it, once', async (context) => {
    const { revision: start } = context.store;
    const past = await putMany(context, 5);
    const followers = [start, ...past].map((after) => context.follow(after));
    const live = await context.put('b', '1');
    for (const [index, follower] of followers.entries()) {
      await follower.reach(live);
      assert.deepEqual(
        follower.batches.map(({ revision }) => revision),
        [...past.slice(index), live],
      );
    }
  }),

  storeCase(
    'followers have been told of a transaction that was answered, once a barrier has passed',
    async (context) => {
      const follower = context.follow(context.store.revision);
      for (let count = 0; count < 20; count++) {
        const revision = await context.put('a', String(count));
        await context.store.barrier();
        assert.ok(follower.revision >= revision);
      }
    },
  ),

  storeCase('a revision is told whole, each key once, with what it was before', async (context) => {
    await context.commit({ ops: [putOp('changed', '1'), putOp('deleted', '1'), putOp('untouched', '1')] });
    const before = new Map((await context.entries()).map((entry) => [entry.key, plain(entry)]));
    const follower = context.follow(context.store.revision);
    const revision = await context.commit({
      ops: [
        putOp('changed', '2'),
        { kind: 'delete', key: 'deleted' },
        putOp('new', '1'),
        { kind: 'delete', key: 'absent' },
      ],
    });
    await follower.reach(revision);
    const changes = new Map(follower.batch(revision).changes.map((change) => [change.key, change]));
    assert.deepEqual([...changes.keys()].sort(), ['changed', 'deleted', 'new']);
    assert.deepEqual(plain(changes.get('changed')?.prev), before.get('changed'));
    assert.equal(textOf(changes.get('changed')?.entry), '2');
    assert.deepEqual(plain(changes.get('deleted')?.prev), before.get('deleted'));
    assert.equal(changes.get('deleted')?.entry, undefined);
    assert.equal(changes.get('new')?.prev, undefined);
    assert.deepEqual(plain(changes.get('new')?.entry), plain(await context.store.get('new')));
  }),

  storeCase('what a follower is told adds up to what is there', async (context) => {
    const start = await context.put('c', '0');
    const before = await context.entries();
    await putMany(context, 3);
    await context.delete('a');
    const revision = await context.commit({
      ops: [putOp('a', 'again'), { kind: 'delete', key: 'c' }, putOp('b', '1')],
    });
    const follower = context.follow(start);
    await follower.reach(revision);
    assert.deepEqual(follower.applyTo(before).map(plain), (await context.entries()).map(plain));
  }),

  storeCase('history is told as it was told when it happened', async (context) => {
    const { revision: start } = context.store;
    const live = context.follow(start);
    const lease = await context.store.grantLease(context.harness.leaseTtlMs);
    await context.commit({ ops: [putOp('a', '1', lease), putOp('b', '1')] });
    await context.commit({ ops: [putOp('b', '2')], endLeases: [lease] });
    const last = await context.delete('b');
    await live.reach(last);
    const later = context.follow(start);
    await later.reach(last);
    assert.deepEqual(later.batches.map(plainBatch), live.batches.map(plainBatch));
  }),

  storeCase('a follower that was stopped hears nothing more, and stopping again does nothing', async (context) => {
    const stopped = context.follow(context.store.revision);
    const other = context.follow(context.store.revision);
    const first = await context.put('a', '1');
    await stopped.reach(first);
    stopped.stop();
    stopped.stop();
    await other.reach(await context.put('a', '2'));
    assert.equal(stopped.revision, first);
  }),

  storeCase('a follower may be stopped from within a call to it, or to another', async (context) => {
    const told: Revision[] = [];
    const stops: (() => void)[] = [];
    for (let count = 0; count < 2; count++) {
      const stop = context.store.follow(context.store.revision, {
        onBatches: (batches) => {
          told.push(...batches.map(({ revision }) => revision));
          for (const each of stops) each();
        },
        onEnd: () => undefined,
      });
      stops.push(stop);
    }
    const last = context.follow(context.store.revision);
    const first = await context.put('a', '1');
    await last.reach(await context.put('a', '2'));
    assert.deepEqual(told, [first], 'whichever is told first has stopped both');
  }),

  storeCase('a follower that begins within a call to another is told of each revision once', async (context) => {
    const { revision: start } = context.store;
    const late: Revision[] = [];
    let begun = false;
    const onEnd = (error: Error): void => void late.push(error.message.length);
    const stop = context.store.follow(start, {
      onBatches: () => {
        if (begun) return;
        begun = true;
        context.store.follow(start, {
          onBatches: (batches) => late.push(...batches.map((batch) => batch.revision)),
          onEnd,
        });
      },
      onEnd,
    });
    const revisions = await putMany(context, 3);
    await eventually('the later follower catches up', () => (late.at(-1) ?? 0) >= revisions[2]!);
    stop();
    assert.deepEqual(late, revisions);
  }),

  storeCase('a transaction that fails or changes nothing is told to nobody', async (context) => {
    const follower = context.follow(context.store.revision);
    await context.put('a', '1');
    await context.store.txn({ guards: [{ key: 'a', modRevision: 0 }], ops: [putOp('a', '2')] });
    await context.delete('b');
    await context.store.grantLease(context.harness.leaseTtlMs);
    await assert.rejects(context.store.txn({ ops: [putOp('a', '3'), putOp('a', '4')] }));
    await follower.reach(await context.put('c', '1'));
    assert.deepEqual(
      follower.changes.map(({ key }) => key),
      ['a', 'c'],
    );
  }),
];
