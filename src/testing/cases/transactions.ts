import assert from 'node:assert/strict';
import { KEY_LENGTH_MAX } from '../../store/contract.js';
import { assertRefused, putOp, storeCase, textOf, type ConformanceCase } from '../conformance-case.js';

const UNKNOWN_LEASE = 1;

export const transactionCases: readonly ConformanceCase[] = [
  storeCase('a new store has no entries, and an epoch of 16 hexadecimal digits', async (context) => {
    const { store } = context;
    assert.match(store.epoch, /^[0-9a-f]{16}$/);
    assert.ok(Number.isSafeInteger(store.revision) && store.revision >= 0);
    assert.ok(store.floor <= store.revision);
    assert.equal(await store.barrier(), store.revision);
    assert.deepEqual(await context.entries(), []);
  }),

  storeCase('two stores have two epochs', async (context) => {
    const { epoch } = context.store;
    assert.notEqual((await context.open()).epoch, epoch);
  }),

  storeCase('what was put is read back, with the revision that put it', async (context) => {
    const value = Buffer.from([0, 1, 127, 128, 255]);
    const revision = await context.commit({ ops: [{ kind: 'put', key: 'a/1', value }] });
    const entry = await context.store.get('a/1');
    assert.ok(entry);
    assert.deepEqual(Buffer.from(entry.value), value);
    const { key, createRevision, modRevision, lease } = entry;
    assert.deepEqual(
      { key, createRevision, modRevision, lease },
      { key: 'a/1', createRevision: revision, modRevision: revision, lease: undefined },
    );
    assert.equal(await context.store.get('a/2'), undefined);
  }),

  storeCase('values may be empty, and as large as a megabyte', async (context) => {
    const large = Buffer.alloc(1024 * 1024, 'x');
    await context.commit({ ops: [putOp('empty', ''), { kind: 'put', key: 'large', value: large }] });
    assert.equal(textOf(await context.store.get('empty')), '');
    assert.ok(Buffer.from((await context.store.get('large'))?.value ?? []).equals(large));
  }),

  storeCase('keys are 1–512 printable ASCII characters, and others are refused without effect', async (context) => {
    const longest = '~'.repeat(KEY_LENGTH_MAX);
    await context.put(longest, 'longest');
    assert.equal(textOf(await context.store.get(longest)), 'longest');
    const { revision } = context.store;
    for (const key of ['', 'a b', 'a\n', 'ü', '\x7f', `${longest}~`]) {
      await assert.rejects(
        context.store.txn({ ops: [putOp('fine', 'x'), putOp(key, 'x')] }),
        `${JSON.stringify(key)} is refused`,
      );
    }
    assert.equal(await context.store.barrier(), revision);
    assert.equal(await context.store.get('fine'), undefined);
  }),

  storeCase('putting a key again keeps the revision that made it', async (context) => {
    const created = await context.put('a', '1');
    const modified = await context.put('a', '2');
    const entry = await context.store.get('a');
    assert.ok(modified > created);
    assert.equal(textOf(entry), '2');
    assert.equal(entry?.createRevision, created);
    assert.equal(entry.modRevision, modified);
  }),

  storeCase('a key that was deleted and put again is new', async (context) => {
    await context.put('a', '1');
    await context.delete('a');
    assert.equal(await context.store.get('a'), undefined);
    const revision = await context.put('a', '2');
    assert.equal((await context.store.get('a'))?.createRevision, revision);
  }),

  storeCase('deleting an absent key does nothing and makes no revision', async (context) => {
    const revision = await context.put('a', '1');
    assert.deepEqual(await context.store.txn({ ops: [{ kind: 'delete', key: 'b' }] }), { committed: true, revision });
    assert.deepEqual(await context.store.txn({ ops: [] }), { committed: true, revision });
    assert.equal(await context.store.barrier(), revision);
  }),

  storeCase('a put that repeats what is there is a change all the same', async (context) => {
    const first = await context.put('a', '1');
    const follower = context.follow(first);
    const second = await context.put('a', '1');
    assert.ok(second > first);
    await follower.reach(second);
    assert.equal(follower.changesOf('a').length, 1);
  }),

  storeCase('all ops of a transaction happen in one revision', async (context) => {
    await context.put('old', '1');
    const revision = await context.commit({ ops: [putOp('a', '1'), putOp('b', '2'), { kind: 'delete', key: 'old' }] });
    const entries = await context.entries();
    assert.deepEqual(
      entries.map(({ key, modRevision }) => [key, modRevision]),
      [
        ['a', revision],
        ['b', revision],
      ],
    );
  }),

  storeCase('a transaction that names a key twice is refused without effect', async (context) => {
    const { revision } = context.store;
    await assert.rejects(context.store.txn({ ops: [putOp('a', '1'), { kind: 'delete', key: 'a' }] }));
    await assert.rejects(context.store.txn({ ops: [putOp('b', '1'), putOp('a', '1'), putOp('b', '2')] }));
    assert.equal(await context.store.barrier(), revision);
    assert.deepEqual(await context.entries(), []);
  }),

  storeCase('a transaction happens if every guard holds', async (context) => {
    const modRevision = await context.put('a', '1');
    const result = await context.store.txn({
      guards: [
        { key: 'a', modRevision },
        { key: 'b', modRevision: 0 },
      ],
      ops: [putOp('a', '2'), putOp('b', '1')],
    });
    assert.ok(result.committed);
    assert.equal(textOf(await context.store.get('b')), '1');
  }),

  storeCase(
    'a guard that does not hold stops the whole transaction, and the first such guard is named',
    async (context) => {
      const old = await context.put('a', '1');
      const present = await context.put('a', '2');
      const lease = await context.store.grantLease(context.harness.leaseTtlMs);
      const failing: [string, { key: string; modRevision: number }][] = [
        ['an older revision', { key: 'a', modRevision: old }],
        ['a newer revision', { key: 'a', modRevision: present + 1 }],
        ['absent, but it is there', { key: 'a', modRevision: 0 }],
        ['there, but it is absent', { key: 'b', modRevision: old }],
      ];
      for (const [what, guard] of failing) {
        const result = await context.store.txn({
          guards: [{ key: 'a', modRevision: present }, guard, { key: 'c', modRevision: old }],
          ops: [putOp('a', '3'), putOp('d', '1')],
          endLeases: [lease],
        });
        assert.deepEqual(result, { committed: false, revision: present, failedGuard: 1 }, what);
      }
      assert.equal(await context.store.barrier(), present);
      assert.equal(textOf(await context.store.get('a')), '2');
      assert.deepEqual(await context.store.renewLeases([lease]), [context.harness.leaseTtlMs]);
    },
  ),

  storeCase('a guard for absence holds again once the key was deleted', async (context) => {
    const created = await context.put('a', '1');
    await context.delete('a');
    const was = await context.store.txn({ guards: [{ key: 'a', modRevision: created }], ops: [putOp('a', '2')] });
    assert.equal(was.committed, false);
    await context.commit({ guards: [{ key: 'a', modRevision: 0 }], ops: [putOp('a', '2')] });
  }),

  storeCase('a put under a lease that is not alive is refused, and so is all that came with it', async (context) => {
    const { revision } = context.store;
    const ops = [putOp('a', '1'), putOp('b', '1', UNKNOWN_LEASE)];
    await assertRefused(context.store.txn({ ops }), 'LEASE_NOT_FOUND');
    assert.equal(await context.store.barrier(), revision);
    assert.deepEqual(await context.entries(), []);
  }),
];
