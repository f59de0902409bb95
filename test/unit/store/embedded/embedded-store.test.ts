import { EmbeddedStore } from '../../../../src/store/embedded/embedded-store.js';
import type { ChangeBatch, Op, Store } from '../../../../src/store/contract.js';
import { DiskGate } from '../../../support/disk-gate.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { RamDisk } from '../../../support/ram-disk.js';

const TTL_MS = 2_000;

async function open() {
  const clock = new FakeClock();
  const ram = new RamDisk();
  const disk = new DiskGate(ram);
  const store: Store = await EmbeddedStore.open(disk.persistence, { clock });
  const told: ChangeBatch[] = [];
  const stop = store.follow(0, {
    onBatches: (batches) => told.push(...batches),
    onEnd: (error) => {
      throw error;
    },
  });
  return { clock, ram, disk, store, told, stop };
}

const put = (key: string, value = '', leaseId?: number): Op =>
  leaseId === undefined
    ? { kind: 'put', key, value: Buffer.from(value) }
    : { kind: 'put', key, value: Buffer.from(value), lease: leaseId };

const outcomeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: { reason?: string }) => error.reason);

async function lease(store: Store, ...keys: string[]): Promise<number> {
  const id = await store.grantLease(TTL_MS);
  if (keys.length > 0) await store.txn({ ops: keys.map((key) => put(key, '', id)) });
  return id;
}

describe('an embedded store', () => {
  it('shows nothing to anyone before it is on disk', async () => {
    const { store, disk, clock, told } = await open();
    await store.txn({ ops: [put('a', 'old')] });
    disk.hold();
    const answers: unknown[] = [];
    void store.txn({ ops: [put('a', 'new'), put('b')] }).then((result) => answers.push(result));
    await clock.settle();
    expect(disk.heldGroup?.revision).toBe(2);
    expect(Buffer.from((await store.get('a'))!.value).toString()).toBe('old');
    expect((await store.range({ prefix: '' })).entries.length).toBe(1);
    expect([store.revision, await store.barrier(), told.length, answers]).toEqual([1, 1, 1, []]);
    disk.release();
    await clock.settle();
    expect([store.revision, told.length, answers]).toEqual([2, 2, [{ committed: true, revision: 2 }]]);
  });

  it('writes what waits in one group, and each revision apart', async () => {
    const { store, disk, clock, ram, told } = await open();
    disk.hold();
    const first = store.txn({ ops: [put('first')] });
    await clock.settle();
    const rest = Promise.all(Array.from({ length: 50 }, (_, index) => store.txn({ ops: [put(`k${index}`)] })));
    await clock.settle();
    disk.release();
    await Promise.all([first, rest]);
    expect(ram.groups.map(({ batches }) => batches.length)).toEqual([1, 50]);
    expect(told.map(({ revision }) => revision)).toEqual(Array.from({ length: 51 }, (_, index) => index + 1));
  });

  it('decides on what waits, so that writers need not wait for each other', async () => {
    const { store, disk, clock } = await open();
    disk.hold();
    const created = store.txn({ guards: [{ key: 'a', modRevision: 0 }], ops: [put('a')] });
    const changed = store.txn({ guards: [{ key: 'a', modRevision: 1 }], ops: [put('a', 'again')] });
    await clock.settle();
    disk.release();
    expect(await Promise.all([created, changed])).toEqual([
      { committed: true, revision: 1 },
      { committed: true, revision: 2 },
    ]);
  });

  it('tells whether guards hold only once what decides it is on disk', async () => {
    const { store, disk, clock } = await open();
    disk.hold();
    void store.txn({ ops: [put('a')] });
    const answers: unknown[] = [];
    void store.txn({ guards: [{ key: 'a', modRevision: 0 }], ops: [] }).then((result) => answers.push(result));
    void store.txn({ guards: [{ key: 'a', modRevision: 1 }], ops: [] }).then((result) => answers.push(result));
    await clock.settle();
    expect(answers).toEqual([]);
    disk.release();
    await clock.settle();
    expect(answers).toEqual([
      { committed: false, revision: 1, failedGuard: 0 },
      { committed: true, revision: 1 },
    ]);
  });

  it('tells that a lease has ended only once that is on disk, also to who asks for it again', async () => {
    const { store, disk, clock } = await open();
    const id = await lease(store, 'a');
    disk.hold();
    const answers: unknown[] = [];
    for (let count = 0; count < 2; count++) {
      void store.txn({ ops: [], endLeases: [id] }).then((result) => answers.push(result));
    }
    await clock.settle();
    expect(answers).toEqual([]);
    disk.release();
    await clock.settle();
    expect(answers).toEqual([
      { committed: true, revision: 2 },
      { committed: true, revision: 2 },
    ]);
  });

  it('refuses all that waits when a group cannot be written, and nothing of it is ever seen', async () => {
    const { store, disk, clock, told } = await open();
    await store.txn({ ops: [put('a', 'old')] });
    disk.hold();
    const writes = [
      store.txn({ ops: [put('a', 'lost')] }),
      store.txn({ ops: [put('b', 'lost')] }),
      store.txn({ guards: [{ key: 'a', modRevision: 1 }], ops: [put('c')] }),
      store.txn({ ops: [{ kind: 'delete', key: 'absent' }] }),
    ].map(outcomeOf);
    await clock.settle();
    const later = outcomeOf(store.txn({ guards: [{ key: 'b', modRevision: 3 }], ops: [put('b', 'lost too')] }));
    disk.fill();
    expect(await Promise.all([...writes, later])).toEqual(Array.from({ length: 5 }, () => 'STORE_FULL'));
    expect((await store.range({ prefix: '' })).entries.map(({ key, modRevision }) => [key, modRevision])).toEqual([
      ['a', 1],
    ]);
    disk.release();
    expect(await store.txn({ guards: [{ key: 'a', modRevision: 1 }], ops: [put('a', 'new')] })).toEqual({
      committed: true,
      revision: 2,
    });
    expect(told.flatMap(({ changes }) => changes.map(({ key, entry }) => [key, String(entry?.value)]))).toEqual([
      ['a', 'old'],
      ['a', 'new'],
    ]);
  });

  it('takes back the end of a lease that could not be written, with all it held', async () => {
    const { store, disk, clock } = await open();
    const held = await lease(store, 'a', 'b');
    const other = await lease(store, 'c');
    disk.fill();
    const outcomes = [
      outcomeOf(store.txn({ ops: [put('a', '', other)] })),
      outcomeOf(store.txn({ ops: [put('d')], endLeases: [held, other] })),
    ];
    expect(await Promise.all(outcomes)).toEqual(['STORE_FULL', 'STORE_FULL']);
    expect(await store.renewLeases([held, other])).toEqual([TTL_MS, TTL_MS]);
    disk.release();
    await store.txn({ ops: [], endLeases: [held] });
    expect((await store.range({ prefix: '' })).entries.map(({ key }) => key)).toEqual(['c']);
    await clock.advance(TTL_MS + 300);
    expect((await store.range({ prefix: '' })).entries).toEqual([]);
  });

  it('expires a lease as soon as a disk that was full takes the write again', async () => {
    const { store, disk, clock, told } = await open();
    await lease(store, 'a', 'b');
    disk.fill();
    await clock.advance(TTL_MS + 5_000);
    expect((await store.range({ prefix: '' })).entries.length).toBe(2);
    disk.release();
    await clock.advance(1_200);
    expect((await store.range({ prefix: '' })).entries).toEqual([]);
    expect(told.at(-1)?.changes.length).toBe(2);
    expect(told.length).toBe(2);
  });

  it('goes on expiring a key whose lease was to end in a write that failed, after the write that made it', async () => {
    const { store, disk, clock } = await open();
    const id = await lease(store);
    disk.hold();
    const made = store.txn({ ops: [put('a', '', id)] });
    await clock.settle();
    const deleted = outcomeOf(store.txn({ ops: [{ kind: 'delete', key: 'a' }] }));
    const ended = outcomeOf(store.txn({ ops: [], endLeases: [id] }));
    disk.release();
    disk.fill();
    await clock.settle();
    expect(await Promise.all([made, deleted, ended])).toEqual([
      { committed: true, revision: 1 },
      'STORE_FULL',
      'STORE_FULL',
    ]);
    disk.release();
    expect((await store.get('a'))?.lease).toBe(id);
    await clock.advance(2 * TTL_MS);
    expect(await store.get('a')).toBeUndefined();
  });

  it('gives a lease its full TTL from the moment its first key is on disk', async () => {
    const { store, disk, clock } = await open();
    const id = await lease(store);
    disk.hold();
    void store.txn({ ops: [put('a', '', id)] });
    await clock.advance(TTL_MS - 300);
    disk.release();
    await clock.advance(TTL_MS - 300);
    expect(await store.get('a')).toBeDefined();
    await clock.advance(600);
    expect(await store.get('a')).toBeUndefined();
  });

  it('expires no lease while its first key is on its way to a disk that takes longer than the TTL', async () => {
    const { store, disk, clock } = await open();
    const id = await lease(store);
    disk.hold();
    const made = store.txn({ ops: [put('a', '', id)] });
    await clock.advance(3 * TTL_MS);
    disk.release();
    await made;
    expect(await store.renewLeases([id])).toEqual([TTL_MS]);
    await clock.advance(TTL_MS - 300);
    expect(await store.get('a')).toBeDefined();
    await clock.advance(600);
    expect(await store.get('a')).toBeUndefined();
  });

  it('forgets a lease whose first key could not be written once its TTL is over', async () => {
    const { store, disk, clock, ram } = await open();
    const id = await lease(store);
    disk.hold();
    const failed = outcomeOf(store.txn({ ops: [put('a', '', id)] }));
    await clock.advance(3 * TTL_MS);
    disk.fill();
    expect(await failed).toBe('STORE_FULL');
    const { length } = ram.groups;
    disk.release();
    await clock.advance(TTL_MS + 300);
    expect(await store.renewLeases([id])).toEqual([undefined]);
    expect(ram.groups.length).toBe(length);
  });

  it('lets a lease whose first key could not be written end without a write', async () => {
    const { store, disk } = await open();
    const id = await lease(store);
    disk.fill();
    expect(await outcomeOf(store.txn({ ops: [put('a', '', id)] }))).toBe('STORE_FULL');
    expect(await store.txn({ ops: [], endLeases: [id] })).toEqual({ committed: true, revision: 0 });
    expect(await store.renewLeases([id])).toEqual([undefined]);
  });

  it('handles renewals that came while it was stopped before anything expires', async () => {
    const { store, clock } = await open();
    const id = await lease(store, 'a');
    await clock.advance(TTL_MS - 100);
    clock.stall(3 * TTL_MS);
    const renewing = store.renewLeases([id]);
    await clock.advance(TTL_MS - 200);
    expect(await renewing).toEqual([TTL_MS]);
    expect(await store.get('a')).toBeDefined();
  });

  it('credits a stop that comes between noticing that time has passed and looking at the leases', async () => {
    const clock = new FakeClock({ soonByItself: false });
    const settle = async <T>(promise: Promise<T>): Promise<T> => {
      await clock.settle();
      return promise;
    };
    const store = await EmbeddedStore.open(new RamDisk(), { clock });
    const id = await store.grantLease(TTL_MS);
    await settle(store.txn({ ops: [put('a', '', id)] }));
    await clock.advance(TTL_MS / 2 - 50);
    expect(clock.fireNext(Infinity)).toBe(true);
    clock.stall(3 * TTL_MS);
    await clock.settle();
    expect(await store.renewLeases([id])).toEqual([TTL_MS]);
    expect(await store.get('a')).toBeDefined();
  });

  it('ends thousands of leases that lapse at once in a few revisions, and keeps those that are renewed meanwhile', async () => {
    const { store, clock, disk, told } = await open();
    const leases = await Promise.all(Array.from({ length: 5_000 }, (_, index) => lease(store, `k${index}`)));
    const before = told.length;
    disk.hold();
    await clock.advance(TTL_MS + 100);
    // One transaction ends the first thousand and waits for the disk; the others are alive until it is their turn.
    const renewed = leases.at(-1)!;
    expect(await store.renewLeases([leases[0]!, renewed])).toEqual([undefined, TTL_MS]);
    disk.release();
    await clock.settle();
    expect(told.length - before).toBe(5);
    expect((await store.range({ prefix: 'k' })).entries.map(({ lease: holder }) => holder)).toEqual([renewed]);
  });

  it('lets leases that were never used end at once, however much waits', async () => {
    const { store, disk, clock } = await open();
    disk.hold();
    const waiting = store.txn({ ops: [put('a')] });
    await clock.settle();
    const unused = await store.grantLease(TTL_MS);
    expect(await store.txn({ ops: [], endLeases: [unused] })).toEqual({ committed: true, revision: 0 });
    expect(await store.renewLeases([unused])).toEqual([undefined]);
    disk.release();
    await waiting;
  });

  it('writes nothing for callers who only wait to learn that a guard did not hold', async () => {
    const { store, disk, clock } = await open();
    disk.hold();
    const first = store.txn({ ops: [put('a')] });
    await clock.settle();
    const second = store.txn({ guards: [{ key: 'a', modRevision: 0 }], ops: [put('a')] });
    disk.release();
    expect([(await first).committed, (await second).committed]).toEqual([true, false]);
    disk.hold();
    await clock.settle();
    expect(disk.heldGroup).toBeUndefined();
  });

  it('refuses more writes than may wait with OVERLOADED, and none of those that do', async () => {
    const { store, disk, clock } = await open();
    disk.hold();
    const first = store.txn({ ops: [put('first')] });
    await clock.settle();
    const outcomes = Array.from({ length: 20_001 }, (_, index) => outcomeOf(store.txn({ ops: [put(`k${index}`)] })));
    disk.release();
    await first;
    const refused = (await Promise.all(outcomes)).flatMap((outcome, index) => (outcome === 'OVERLOADED' ? index : []));
    expect(refused).toEqual([20_000]);
    expect(store.revision).toBe(20_001);
  });

  it('writes what is under way when it is closed, and tells nobody of what comes after', async () => {
    const { store, disk, clock, told } = await open();
    await lease(store, 'leased');
    disk.hold();
    const write = store.txn({ ops: [put('a')] });
    await clock.settle();
    const closed = store.close();
    disk.release();
    expect(await write).toEqual({ committed: true, revision: 2 });
    await closed;
    await clock.advance(10 * TTL_MS);
    expect(told.length).toBe(2);
  });
});
