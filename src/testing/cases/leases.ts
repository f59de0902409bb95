import assert from 'node:assert/strict';
import type { LeaseId } from '../../store/contract.js';
import {
  assertRefused,
  putOp,
  storeCase,
  textOf,
  type CaseContext,
  type ConformanceCase,
} from '../conformance-case.js';
import { eventually } from '../eventually.js';

/** What a test may be late by when it looks at a lease shortly before its end. */
const BEFORE_MS = 300;

async function grant(context: CaseContext, ttls = 1): Promise<LeaseId> {
  return context.store.grantLease(context.harness.leaseTtlMs * ttls);
}

async function isThere(context: CaseContext, key: string): Promise<boolean> {
  return (await context.store.get(key)) !== undefined;
}

/** Waits for a key to go, which must happen within the engine's slack from now. */
async function expires(context: CaseContext, key: string): Promise<void> {
  await context.harness.advance(context.harness.leaseSlackMs);
  await eventually(`${key} expires`, async () => !(await isThere(context, key)));
}

export const leaseCases: readonly ConformanceCase[] = [
  storeCase('lease ids are positive integers below 2^53, and no two are the same', async (context) => {
    const ids = await Promise.all(Array.from({ length: 200 }, () => grant(context)));
    assert.ok(ids.every((id) => Number.isSafeInteger(id) && id > 0));
    assert.equal(new Set(ids).size, ids.length);
  }),

  storeCase('a lease by itself makes no revision, neither when it is granted nor when it expires', async (context) => {
    const { revision } = context.store;
    const lease = await grant(context);
    assert.deepEqual(await context.store.renewLeases([lease]), [context.harness.leaseTtlMs]);
    await context.harness.advance(context.harness.leaseTtlMs + context.harness.leaseSlackMs);
    await eventually('the lease expires', async () => (await context.store.renewLeases([lease]))[0] === undefined);
    assert.equal(await context.store.barrier(), revision);
  }),

  storeCase('a key shows the lease that holds it', async (context) => {
    const lease = await grant(context);
    await context.put('a', '1', lease);
    assert.equal((await context.store.get('a'))?.lease, lease);
    assert.equal((await context.entries())[0]?.lease, lease);
  }),

  storeCase('an expiring lease deletes all its keys, in one revision, as followers are told', async (context) => {
    const lease = await grant(context);
    await context.put('a', '1', lease);
    const put = await context.commit({ ops: [putOp('b', '2', lease), putOp('other', '3')] });
    const follower = context.follow(put);
    await context.harness.advance(context.harness.leaseTtlMs);
    await expires(context, 'a');
    assert.equal(await isThere(context, 'b'), false);
    assert.equal(await isThere(context, 'other'), true);
    await follower.reach(put + 1);
    assert.equal(follower.batches.length, 1);
    const told = follower.changes.map(({ key, entry, prev }) => [key, entry, textOf(prev), prev?.lease]);
    assert.deepEqual(told, [
      ['a', undefined, '1', lease],
      ['b', undefined, '2', lease],
    ]);
  }),

  storeCase('no lease expires before its TTL', async (context) => {
    const lease = await grant(context);
    await context.put('a', '1', lease);
    await context.harness.advance(context.harness.leaseTtlMs - BEFORE_MS);
    assert.equal(await isThere(context, 'a'), true);
    await context.harness.advance(BEFORE_MS);
    await expires(context, 'a');
  }),

  storeCase('a renewal gives a lease its full TTL again, as often as it is renewed', async (context) => {
    const { leaseTtlMs } = context.harness;
    const lease = await grant(context);
    await context.put('a', '1', lease);
    for (let count = 0; count < 4; count++) {
      await context.harness.advance(leaseTtlMs * 0.75);
      assert.deepEqual(await context.store.renewLeases([lease]), [leaseTtlMs]);
    }
    await context.harness.advance(leaseTtlMs - BEFORE_MS);
    assert.equal(await isThere(context, 'a'), true);
    await context.harness.advance(BEFORE_MS);
    await expires(context, 'a');
  }),

  storeCase('renewals are answered in the order asked, and what is not alive with undefined', async (context) => {
    const { leaseTtlMs } = context.harness;
    const [one, two] = [await grant(context), await grant(context, 2)];
    const unknown = [one, two].includes(1) ? 2 : 1;
    assert.deepEqual(await context.store.renewLeases([two, unknown, one, two]), [
      leaseTtlMs * 2,
      undefined,
      leaseTtlMs,
      leaseTtlMs * 2,
    ]);
    assert.deepEqual(await context.store.renewLeases([]), []);
  }),

  storeCase('an expired lease neither renews nor holds anything again', async (context) => {
    const lease = await grant(context);
    await context.put('a', '1', lease);
    await context.harness.advance(context.harness.leaseTtlMs);
    await expires(context, 'a');
    assert.deepEqual(await context.store.renewLeases([lease]), [undefined]);
    await assertRefused(context.store.txn({ ops: [putOp('a', '2', lease)] }), 'LEASE_NOT_FOUND');
    assert.equal(await isThere(context, 'a'), false);
  }),

  storeCase('leases expire each at its own time', async (context) => {
    const { leaseTtlMs, leaseSlackMs } = context.harness;
    const short = await grant(context);
    const long = await grant(context, 3);
    await context.commit({ ops: [putOp('short', '1', short), putOp('long', '1', long)] });
    await context.harness.advance(leaseTtlMs);
    await expires(context, 'short');
    assert.equal(await isThere(context, 'long'), true);
    await context.harness.advance(2 * leaseTtlMs - 2 * leaseSlackMs - BEFORE_MS);
    assert.equal(await isThere(context, 'long'), true);
    await context.harness.advance(leaseSlackMs + BEFORE_MS);
    await expires(context, 'long');
  }),

  storeCase('a key put anew under another lease, or under none, no longer goes with the first', async (context) => {
    const { leaseTtlMs, leaseSlackMs } = context.harness;
    const first = await grant(context);
    const second = await grant(context, 3);
    await context.commit({ ops: [putOp('moved', '1', first), putOp('freed', '1', first), putOp('kept', '1', first)] });
    await context.commit({ ops: [putOp('moved', '2', second), putOp('freed', '2'), putOp('kept', '2', first)] });
    await context.harness.advance(leaseTtlMs);
    await expires(context, 'kept');
    assert.deepEqual(
      (await context.entries()).map(({ key, lease }) => [key, lease]),
      [
        ['freed', undefined],
        ['moved', second],
      ],
    );
    await context.harness.advance(2 * leaseTtlMs + leaseSlackMs);
    await expires(context, 'moved');
    assert.equal(await isThere(context, 'freed'), true);
  }),

  storeCase('a key deleted and put anew under no lease no longer goes with the first', async (context) => {
    const lease = await grant(context);
    await context.commit({ ops: [putOp('a', '1', lease), putOp('b', '1', lease)] });
    await context.delete('a');
    await context.put('a', '2');
    await context.harness.advance(context.harness.leaseTtlMs);
    await expires(context, 'b');
    assert.equal(await isThere(context, 'a'), true);
  }),

  storeCase(
    'time in which the engine did not run is credited to every lease',
    async (context) => {
      const { leaseTtlMs } = context.harness;
      const renewed = await grant(context);
      const abandoned = await grant(context);
      await context.commit({ ops: [putOp('renewed', '1', renewed), putOp('abandoned', '1', abandoned)] });
      await context.stall(3 * leaseTtlMs);
      await context.harness.advance(BEFORE_MS);
      assert.deepEqual(await context.store.renewLeases([renewed]), [leaseTtlMs]);
      await context.harness.advance(leaseTtlMs - 2 * BEFORE_MS);
      assert.equal(await isThere(context, 'renewed'), true);
      await context.harness.advance(BEFORE_MS);
      await expires(context, 'abandoned');
    },
    { needs: ['stall'] },
  ),
];
