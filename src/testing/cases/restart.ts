import assert from 'node:assert/strict';
import { assertRefused, putOp, storeCase, type CaseContext, type ConformanceCase } from '../conformance-case.js';
import { eventually } from '../eventually.js';
import { plain, plainBatch } from '../recording-follower.js';

const NEEDS = { needs: ['restart'] } as const;

/** What a test may be late by when it looks at a lease shortly before its end. */
const BEFORE_MS = 300;

async function isThere(context: CaseContext, key: string): Promise<boolean> {
  return (await context.store.get(key)) !== undefined;
}

export const restartCases: readonly ConformanceCase[] = [
  storeCase(
    'a store that is opened again has its epoch, its revision and its entries',
    async (context) => {
      const lease = await context.store.grantLease(context.harness.leaseTtlMs);
      await context.put('a', '1');
      await context.commit({ ops: [putOp('a', '2'), putOp('b', '1', lease), putOp('c', '1')] });
      await context.delete('c');
      const { epoch, revision, floor } = context.store;
      const before = await context.entries();
      const store = await context.reopen();
      assert.deepEqual([store.epoch, store.revision, store.floor], [epoch, revision, floor]);
      assert.equal(await store.barrier(), revision);
      assert.deepEqual((await context.entries()).map(plain), before.map(plain));
      assert.ok((await context.put('a', '3')) > revision);
    },
    NEEDS,
  ),

  storeCase(
    'writes that were answered just before closing are there afterwards',
    async (context) => {
      const writes = Promise.all(Array.from({ length: 16 }, (_, index) => context.put(`k/${index}`, '1')));
      await context.store.close();
      const revisions = await writes;
      await context.reopen();
      assert.equal(context.store.revision, Math.max(...revisions));
      assert.equal((await context.entries('k/')).length, 16);
    },
    NEEDS,
  ),

  storeCase(
    'followers go on from any revision of the history before',
    async (context) => {
      const { revision: start } = context.store;
      const lease = await context.store.grantLease(context.harness.leaseTtlMs);
      const before = context.follow(start);
      const middle = await context.commit({ ops: [putOp('a', '1', lease), putOp('b', '1')] });
      await context.commit({ ops: [putOp('b', '2')], endLeases: [lease] });
      const last = await context.delete('b');
      await before.reach(last);
      await context.reopen();
      const again = context.follow(start);
      const resumed = context.follow(middle);
      const next = await context.put('c', '1');
      await again.reach(next);
      await resumed.reach(next);
      assert.deepEqual(again.batches.slice(0, -1).map(plainBatch), before.batches.map(plainBatch));
      assert.deepEqual(resumed.batches.map(plainBatch), again.batches.slice(1).map(plainBatch));
    },
    NEEDS,
  ),

  storeCase(
    'what was compacted stays compacted',
    async (context) => {
      await context.put('a', '1');
      const at = await context.delete('a');
      const last = await context.put('a', '2');
      await context.store.compact(at);
      await context.reopen();
      assert.equal(context.store.floor, at);
      await assertRefused(() => context.follow(at - 1), 'COMPACTED');
      const follower = context.follow(at);
      await follower.reach(last);
      assert.equal(follower.batches.length, 1);
    },
    NEEDS,
  ),

  storeCase(
    'a restart gives every lease its full TTL, and takes none',
    async (context) => {
      const { leaseTtlMs, leaseSlackMs } = context.harness;
      const lease = await context.store.grantLease(leaseTtlMs);
      const put = await context.commit({ ops: [putOp('a', '1', lease), putOp('b', '1', lease)] });
      await context.harness.advance(leaseTtlMs - BEFORE_MS);
      await context.reopen();
      await context.harness.advance(leaseTtlMs - BEFORE_MS);
      assert.equal(await isThere(context, 'a'), true);
      const follower = context.follow(put);
      await context.harness.advance(BEFORE_MS + leaseSlackMs);
      await eventually('the lease expires', async () => !(await isThere(context, 'a')));
      await follower.reach(put + 1);
      assert.deepEqual(
        follower.changes.map(({ key }) => key),
        ['a', 'b'],
      );
      assert.equal(follower.batches.length, 1);
    },
    NEEDS,
  ),

  storeCase(
    'leases renew after a restart, and those that had ended do not',
    async (context) => {
      const { leaseTtlMs } = context.harness;
      const alive = await context.store.grantLease(leaseTtlMs);
      const ended = await context.store.grantLease(leaseTtlMs);
      await context.commit({ ops: [putOp('alive', '1', alive), putOp('ended', '1', ended)] });
      await context.commit({ ops: [], endLeases: [ended] });
      await context.reopen();
      assert.deepEqual(await context.store.renewLeases([ended, alive]), [undefined, leaseTtlMs]);
      assert.equal(await isThere(context, 'ended'), false);
      await context.commit({ ops: [putOp('also', '1', alive)] });
      await assertRefused(context.store.txn({ ops: [putOp('x', '1', ended)] }), 'LEASE_NOT_FOUND');
    },
    NEEDS,
  ),

  storeCase(
    'a lease whose keys were all deleted before a restart takes nothing with it afterwards',
    async (context) => {
      const { leaseTtlMs, leaseSlackMs } = context.harness;
      const lease = await context.store.grantLease(leaseTtlMs);
      await context.put('a', '1', lease);
      await context.delete('a');
      await context.put('a', '2');
      await context.reopen();
      await context.harness.advance(leaseTtlMs + leaseSlackMs);
      await eventually('the lease expires', async () => (await context.store.renewLeases([lease]))[0] === undefined);
      assert.equal(await isThere(context, 'a'), true);
    },
    NEEDS,
  ),
];
