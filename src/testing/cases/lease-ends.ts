import assert from 'node:assert/strict';
import { assertRefused, putOp, storeCase, textOf, type ConformanceCase } from '../conformance-case.js';

export const leaseEndCases: readonly ConformanceCase[] = [
  storeCase('ending a lease deletes its keys, in the same revision as the rest of the transaction', async (context) => {
    const { store, harness } = context;
    const lease = await store.grantLease(harness.leaseTtlMs);
    const put = await context.commit({ ops: [putOp('a', '1', lease), putOp('b', '1', lease)] });
    const follower = context.follow(put);
    const revision = await context.commit({ ops: [putOp('c', '1')], endLeases: [lease] });
    await follower.reach(revision);
    assert.deepEqual(
      follower.changes.map(({ key, entry }) => [key, textOf(entry)]),
      [
        ['a', undefined],
        ['b', undefined],
        ['c', '1'],
      ],
    );
    assert.equal(follower.batches.length, 1);
    assert.deepEqual(
      (await context.entries()).map(({ key }) => key),
      ['c'],
    );
  }),

  storeCase('a lease that was ended neither renews nor holds anything again', async (context) => {
    const { store, harness } = context;
    const lease = await store.grantLease(harness.leaseTtlMs);
    await context.put('a', '1', lease);
    await context.commit({ ops: [], endLeases: [lease] });
    assert.deepEqual(await store.renewLeases([lease]), [undefined]);
    await assertRefused(store.txn({ ops: [putOp('a', '2', lease)] }), 'LEASE_NOT_FOUND');
    const { revision } = store;
    assert.deepEqual(await store.txn({ ops: [], endLeases: [lease] }), { committed: true, revision });
  }),

  storeCase('leases that are not alive are passed over, and each ends once', async (context) => {
    const { store, harness } = context;
    const lease = await store.grantLease(harness.leaseTtlMs);
    const put = await context.put('a', '1', lease);
    const unknown = lease === 1 ? 2 : 1;
    const follower = context.follow(put);
    const revision = await context.commit({ ops: [], endLeases: [unknown, lease, lease] });
    await follower.reach(revision);
    assert.equal(follower.changes.length, 1);
  }),

  storeCase('a key that the transaction puts under another lease outlives the lease that it ends', async (context) => {
    const { store, harness } = context;
    const old = await store.grantLease(harness.leaseTtlMs);
    const replacement = await store.grantLease(harness.leaseTtlMs);
    await context.commit({ ops: [putOp('a', '1', old), putOp('b', '1', old), putOp('c', '1', old)] });
    await context.commit({ ops: [putOp('a', '2', replacement), putOp('b', '2')], endLeases: [old] });
    const entries = await context.entries();
    assert.deepEqual(
      entries.map(({ key, lease }) => [key, lease]),
      [
        ['a', replacement],
        ['b', undefined],
      ],
    );
    assert.deepEqual(await store.renewLeases([old, replacement]), [undefined, harness.leaseTtlMs]);
  }),

  storeCase('nothing can be put under a lease that the same transaction ends', async (context) => {
    const { store, harness } = context;
    const lease = await store.grantLease(harness.leaseTtlMs);
    const revision = await context.put('a', '1', lease);
    await assertRefused(store.txn({ ops: [putOp('b', '1', lease)], endLeases: [lease] }), 'LEASE_NOT_FOUND');
    assert.equal(await store.barrier(), revision);
    assert.equal(textOf(await store.get('a')), '1');
    assert.deepEqual(await store.renewLeases([lease]), [harness.leaseTtlMs]);
  }),

  storeCase('a lease that held nothing ends without a revision', async (context) => {
    const { store, harness } = context;
    const lease = await store.grantLease(harness.leaseTtlMs);
    const { revision } = store;
    assert.deepEqual(await store.txn({ ops: [], endLeases: [lease] }), { committed: true, revision });
    assert.deepEqual(await store.renewLeases([lease]), [undefined]);
  }),

  storeCase('deleting a key by hand and ending its lease in one transaction is one change', async (context) => {
    const { store, harness } = context;
    const lease = await store.grantLease(harness.leaseTtlMs);
    const put = await context.commit({ ops: [putOp('a', '1', lease), putOp('record', '1')] });
    const follower = context.follow(put);
    const revision = await context.commit({
      ops: [
        { kind: 'delete', key: 'a' },
        { kind: 'delete', key: 'record' },
      ],
      endLeases: [lease],
    });
    await follower.reach(revision);
    assert.deepEqual(
      follower.changes.map(({ key }) => key),
      ['a', 'record'],
    );
  }),
];
