import { loadXxh64, type Xxh64 } from '../../../src/core/hash.js';
import { livenessKey, recordKey } from '../../../src/directory/schema.js';
import { Endpoint, Health } from '../../../src/gen/rollcall/v1/endpoint.js';
import { EmbeddedStore } from '../../../src/store/embedded/embedded-store.js';
import { DiskGate } from '../../support/disk-gate.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RamDisk } from '../../support/ram-disk.js';
import { startServer } from '../../support/server-parts.js';

let xxh64: Xxh64;
beforeAll(async () => {
  xxh64 = await loadXxh64();
});

const TTL_MS = 2_000;
const NAME = { namespace: 'default', service: 'payments', id: 'a' };

async function open() {
  const clock = new FakeClock();
  const disk = new DiskGate(new RamDisk());
  const store = await EmbeddedStore.open(disk.persistence, { clock });
  const { catalog, directory } = await startServer(store, { clock, xxh64, changesBytesMax: 1_000_000 });
  const register = (more: Partial<Endpoint> & { requestId?: string } = {}) => {
    const { requestId = '', ...endpoint } = more;
    const addresses = [{ host: '10.0.0.1', port: 80 }];
    return catalog.register({
      endpoint: Endpoint.fromPartial({ ...NAME, addresses, ...endpoint }),
      ttlMs: TTL_MS,
      requestId,
    });
  };
  const update = (more: Partial<Endpoint>, paths: string[], leaseId: number) =>
    catalog.update(Endpoint.fromPartial({ ...NAME, ...more }), paths, leaseId);
  return { clock, disk, store, catalog, directory, register, update };
}

const reasonOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    (value) => value,
    (error: { reason?: string }) => error.reason,
  );

describe('a registration', () => {
  it('is two keys in one revision: the record, and its liveness under the lease', async () => {
    const { store, register } = await open();
    const { leaseId, revision, endpoint } = await register();
    expect([endpoint.createRevision, endpoint.modRevision]).toEqual([revision, revision]);
    expect(await store.get(recordKey(NAME))).toMatchObject({ modRevision: revision, lease: undefined });
    expect(await store.get(livenessKey(NAME))).toMatchObject({ modRevision: revision, lease: leaseId });
  });

  it('replaces the one with its id, whose lease then neither renews, updates nor removes', async () => {
    const { catalog, register, update } = await open();
    const old = await register();
    const replacement = await register({ weight: 7 });
    expect(replacement.endpoint.createRevision).toBe(old.revision);
    expect(await catalog.renew([old.leaseId, replacement.leaseId])).toEqual([undefined, TTL_MS]);
    expect(await reasonOf(update({ weight: 1 }, ['weight'], old.leaseId))).toBe('LEASE_MISMATCH');
    expect(await reasonOf(catalog.deregister(NAME, old.leaseId))).toBe('LEASE_MISMATCH');
    await catalog.deregister(NAME, replacement.leaseId);
  });

  it('that is retried with its request id is the same one, renewed', async () => {
    const { clock, register } = await open();
    const first = await register({ requestId: 'r' });
    await clock.advance(TTL_MS / 2);
    const [second, third] = await Promise.all([register({ requestId: 'r' }), register({ requestId: 'r' })]);
    expect([second, third]).toEqual([first, first]);
    await clock.advance(TTL_MS * 0.75);
    expect((await register({ requestId: 'r' })).leaseId).toBe(first.leaseId);
  });

  it('that is retried when its lease has lapsed is made anew', async () => {
    const { clock, register } = await open();
    const first = await register({ requestId: 'r' });
    await clock.advance(TTL_MS + 300);
    expect((await register({ requestId: 'r' })).leaseId).not.toBe(first.leaseId);
  });

  it('of one id by many at once succeeds for all, and the last one holds it', async () => {
    const { catalog, directory, register } = await open();
    const made = await Promise.all(Array.from({ length: 6 }, (_, weight) => register({ weight: weight + 1 })));
    const last = made.reduce((a, b) => (b.revision > a.revision ? b : a));
    expect(directory.endpoint(NAME)?.endpoint.weight).toBe(last.endpoint.weight);
    const ttls = await catalog.renew(made.map(({ leaseId }) => leaseId));
    expect(made.filter((_, index) => ttls[index] !== undefined)).toEqual([last]);
  });

  it('waits for a disk that is slower than its TTL, also when another one was first', async () => {
    const { clock, disk, register } = await open();
    disk.hold();
    const made = Promise.all([register({ weight: 1 }), register({ weight: 2 })]);
    await clock.advance(3 * TTL_MS);
    disk.release();
    expect((await made).map(({ endpoint }) => endpoint.weight)).toEqual([1, 2]);
  });

  it('that is refused leaves nothing behind, neither a lease nor a record', async () => {
    const { clock, disk, store, register } = await open();
    disk.fill();
    expect(await reasonOf(register())).toBe('STORE_FULL');
    disk.release();
    await clock.advance(3 * TTL_MS);
    expect(store.revision).toBe(0);
  });
});

describe('a deregistration', () => {
  it('removes both keys in one revision, and succeeds again when they are gone', async () => {
    const { catalog, store, register } = await open();
    const { leaseId } = await register();
    const revision = await catalog.deregister(NAME, leaseId);
    expect((await store.range({ prefix: '' })).entries).toEqual([]);
    expect(await catalog.deregister(NAME, leaseId)).toBe(revision);
    expect(await catalog.renew([leaseId])).toEqual([undefined]);
  });

  it('under a lease that has lapsed removes the record that is left', async () => {
    const { catalog, clock, disk, directory, register } = await open();
    const { leaseId } = await register();
    await clock.advance(TTL_MS - 200);
    disk.hold();
    await clock.advance(500);
    disk.release();
    await catalog.deregister(NAME, leaseId);
    await clock.advance(100);
    expect(directory.endpointCount).toBe(0);
  });
});

describe('an update', () => {
  it('changes what it names and nothing else, and keeps the revision that made the endpoint', async () => {
    const { register, update } = await open();
    const { leaseId, revision } = await register({ weight: 7, labels: { v: '1' } });
    const { endpoint } = await update(
      { weight: 9, labels: { v: '2' }, health: Health.DRAINING },
      ['labels', 'health'],
      leaseId,
    );
    expect(endpoint).toMatchObject({
      weight: 7,
      labels: { v: '2' },
      health: Health.DRAINING,
      createRevision: revision,
    });
    expect(endpoint.modRevision).toBeGreaterThan(revision);
  });

  it('to what is there already writes nothing', async () => {
    const { store, register, update } = await open();
    const { leaseId, revision } = await register({ weight: 7 });
    expect((await update({ weight: 7 }, ['weight'], leaseId)).revision).toBe(revision);
    expect(store.revision).toBe(revision);
  });

  it('is refused when there is nothing to update, or nobody holds it any more', async () => {
    const { clock, disk, register, update } = await open();
    expect(await reasonOf(update({}, ['weight'], 1))).toBe('ENDPOINT_NOT_FOUND');
    const { leaseId } = await register();
    // The lease lapses, and the disk fills up before the record can go.
    await clock.advance(TTL_MS - 200);
    disk.hold();
    await clock.advance(500);
    disk.release();
    disk.hold();
    await clock.settle();
    expect(await reasonOf(update({ weight: 3 }, ['weight'], leaseId))).toBe('LEASE_NOT_FOUND');
    disk.release();
  });
});

describe('a lease that lapses', () => {
  it('costs the record, in a revision after its own', async () => {
    const { clock, store, directory, register } = await open();
    const { revision } = await register();
    await clock.advance(TTL_MS + 300);
    expect(store.revision).toBe(revision + 2);
    expect([...(directory.service(NAME)?.changes ?? [])].at(-1)).toMatchObject({
      revision: revision + 2,
      after: undefined,
    });
  });

  it('does not cost the registration that was made before its record could go', async () => {
    const { clock, disk, directory, register } = await open();
    await register();
    await clock.advance(TTL_MS - 200);
    disk.hold();
    await clock.advance(500);
    const replacing = register({ weight: 9 });
    await clock.settle();
    disk.release();
    await replacing;
    await clock.advance(1_000);
    expect(directory.endpoint(NAME)?.endpoint.weight).toBe(9);
  });

  it('costs the record as soon as a disk that was full takes the write again', async () => {
    const { clock, disk, directory, register } = await open();
    await register();
    await clock.advance(TTL_MS - 200);
    disk.hold();
    await clock.advance(500);
    disk.release();
    // The liveness key is gone by now; the record's removal is refused.
    disk.fill();
    await clock.advance(5_000);
    expect(directory.endpointCount).toBe(1);
    disk.release();
    await clock.advance(2_500);
    expect(directory.endpointCount).toBe(0);
  });
});
