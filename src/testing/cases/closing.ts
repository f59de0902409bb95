import assert from 'node:assert/strict';
import { assertRefused, putOp, storeCase, type ConformanceCase } from '../conformance-case.js';

export const closingCases: readonly ConformanceCase[] = [
  storeCase('a closed store refuses what would need it with SHUTTING_DOWN', async (context) => {
    const { store } = context;
    const revision = await context.put('a', '1');
    const lease = await store.grantLease(context.harness.leaseTtlMs);
    await store.close();
    await assertRefused(() => store.txn({ ops: [putOp('a', '2')] }), 'SHUTTING_DOWN');
    await assertRefused(() => store.grantLease(context.harness.leaseTtlMs), 'SHUTTING_DOWN');
    await assertRefused(() => store.renewLeases([lease]), 'SHUTTING_DOWN');
    await assertRefused(() => store.compact(revision), 'SHUTTING_DOWN');
    await assertRefused(() => context.follow(revision), 'SHUTTING_DOWN');
  }),

  storeCase('closing again, also at the same time, does nothing more', async (context) => {
    await context.put('a', '1');
    await Promise.all([context.store.close(), context.store.close()]);
    await context.store.close();
    await assertRefused(() => context.store.txn({ ops: [putOp('a', '2')] }), 'SHUTTING_DOWN');
  }),

  storeCase('writes under way when a store is closed are answered, and happen', async (context) => {
    const follower = context.follow(context.store.revision);
    const writes = Promise.all(Array.from({ length: 8 }, (_, index) => context.put(`k/${index}`, '1')));
    const closed = context.store.close();
    await assertRefused(() => context.store.txn({ ops: [putOp('late', '1')] }), 'SHUTTING_DOWN');
    const revisions = await writes;
    await closed;
    assert.equal(new Set(revisions).size, 8);
    follower.check();
  }),
];
