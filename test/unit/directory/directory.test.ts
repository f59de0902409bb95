import { loadXxh64, type Xxh64 } from '../../../src/core/hash.js';
import { Directory } from '../../../src/directory/directory.js';
import { encodeRecord, livenessKey, parseKey, recordKey } from '../../../src/directory/schema.js';
import { RemovedEndpoint_Reason as RemovalReason } from '../../../src/gen/rollcall/v1/discovery.js';
import { Endpoint, Health } from '../../../src/gen/rollcall/v1/endpoint.js';
import type { Op, RangePage, RangeRequest, Store } from '../../../src/store/contract.js';
import { openMemoryStore } from '../../../src/store/memory/memory-store.js';
import { FakeClock } from '../../support/fake-clock.js';

let xxh64: Xxh64;
beforeAll(async () => {
  xxh64 = await loadXxh64();
});

const SERVICE = { namespace: 'default', service: 'payments' };

function put(id: string, more: Partial<Endpoint> = {}, service = SERVICE.service): Op {
  const endpoint = Endpoint.fromPartial({ ...SERVICE, service, id, health: Health.HEALTHY, ...more });
  const value = encodeRecord({ endpoint, leaseId: 7, ttlMs: 1_000, requestId: '' });
  return { kind: 'put', key: recordKey({ ...SERVICE, service, id }), value };
}

const remove = (id: string): Op => ({ kind: 'delete', key: recordKey({ ...SERVICE, id }) });

async function commit(store: Store, ...ops: Op[]): Promise<number> {
  return (await store.txn({ ops })).revision;
}

async function open(store: Store, more: { changesBytesMax?: number; clock?: FakeClock } = {}): Promise<Directory> {
  const onFailed = (error: Error): void => {
    throw error;
  };
  return Directory.open(store, { xxh64, onFailed, ...more });
}

/** What a directory says of a service: endpoints by revision, and its memory of how they came to be so. */
function describeService(directory: Directory) {
  const state = directory.service(SERVICE);
  const revisionOf = (record: { endpoint: Endpoint } | undefined) => record?.endpoint.modRevision;
  return {
    endpoints: Object.fromEntries([...(state?.endpoints ?? [])].map(([id, record]) => [id, revisionOf(record)])),
    changes: [...(state?.changes ?? [])].map(({ revision, id, before, after }) => [
      revision,
      id,
      revisionOf(before),
      revisionOf(after),
    ]),
  };
}

/** A store on which something happens between the pages of a range. */
function withInterruption(store: Store, between: () => Promise<unknown>): Store {
  const range = async (request: RangeRequest): Promise<RangePage> => {
    const page = await store.range(request);
    if (page.more) await between();
    return page;
  };
  return new Proxy(store, {
    get: (target, property) => {
      if (property === 'range') return range;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

describe('a directory', () => {
  it('holds what the store held when it was opened, and every change since', async () => {
    const store = await openMemoryStore();
    await commit(store, put('a'), put('b'));
    await commit(store, put('a', { weight: 7 }));
    const directory = await open(store);
    const opened = {
      endpoints: { a: 2, b: 1 },
      changes: [
        [1, 'a', undefined, 1],
        [1, 'b', undefined, 1],
        [2, 'a', 1, 2],
      ],
    };
    expect(describeService(directory)).toEqual(opened);
    await commit(store, remove('b'), put('c'));
    expect(describeService(directory)).toEqual({
      endpoints: { a: 2, c: 3 },
      changes: [...opened.changes, [3, 'b', 1, undefined], [3, 'c', undefined, 3]],
    });
    expect([directory.revision, directory.floor, directory.endpointCount]).toEqual([3, 0, 2]);
    await store.close();
  });

  it('remembers what the store remembers, and forgets it with the store', async () => {
    const store = await openMemoryStore();
    for (const weight of [1, 2, 3, 4]) await commit(store, put('a', { weight }));
    await store.compact(2);
    const directory = await open(store);
    expect([directory.floor, describeService(directory).changes]).toEqual([
      2,
      [
        [3, 'a', 2, 3],
        [4, 'a', 3, 4],
      ],
    ]);
    await store.compact(3);
    expect([directory.floor, describeService(directory).changes]).toEqual([3, [[4, 'a', 3, 4]]]);
    await store.close();
  });

  it('forgets whole revisions, the oldest first, when they take too much memory', async () => {
    const store = await openMemoryStore();
    const directory = await open(store, { changesBytesMax: 1_100 });
    await commit(store, put('a'), put('b'));
    await commit(store, put('c'));
    expect(directory.floor).toBe(0);
    await commit(store, put('d'));
    expect([directory.floor, describeService(directory).changes]).toEqual([
      1,
      [
        [2, 'c', undefined, 2],
        [3, 'd', undefined, 3],
      ],
    ]);
    expect(directory.endpointCount).toBe(4);
    await store.close();
  });

  it('tells listeners of services that changed, while the changes are remembered', async () => {
    const store = await openMemoryStore();
    const directory = await open(store, { changesBytesMax: 1 });
    const told: unknown[] = [];
    const stop = directory.listen((changed) => {
      told.push([...changed].map(({ name, changes }) => [name.service, changes.length]));
    });
    await commit(store, put('a'), put('b'), put('x', {}, 'orders'));
    expect(told).toEqual([
      [
        ['payments', 2],
        ['orders', 1],
      ],
    ]);
    expect(directory.floor).toBe(1);
    stop();
    await commit(store, put('a'));
    expect(told.length).toBe(1);
    await store.close();
  });

  it('forgets a service once neither its endpoints nor its changes are left', async () => {
    const store = await openMemoryStore();
    const directory = await open(store);
    await commit(store, put('a'));
    await commit(store, remove('a'));
    expect(directory.service(SERVICE)).toBeDefined();
    await store.compact(2);
    expect(directory.service(SERVICE)).toBeUndefined();
    await store.close();
  });

  it('tells a deregistration from an expiry by what went with the record', async () => {
    const store = await openMemoryStore();
    const directory = await open(store);
    await commit(
      store,
      put('a'),
      put('b'),
      ...['a', 'b'].map((id): Op => ({ kind: 'put', key: livenessKey({ ...SERVICE, id }), value: Buffer.alloc(0) })),
    );
    await commit(store, remove('a'), { kind: 'delete', key: livenessKey({ ...SERVICE, id: 'a' }) });
    await commit(store, { kind: 'delete', key: livenessKey({ ...SERVICE, id: 'b' }) });
    await commit(store, remove('b'));
    const removals = [...directory.service(SERVICE)!.changes].slice(2).map(({ id, removal }) => [id, removal]);
    expect(removals).toEqual([
      ['a', RemovalReason.DEREGISTERED],
      ['b', RemovalReason.EXPIRED],
    ]);
    await store.close();
  });

  it('counts the endpoints of a service by health', async () => {
    const store = await openMemoryStore();
    const directory = await open(store);
    await commit(store, put('a'), put('b', { health: Health.DRAINING }), put('c', { health: Health.UNHEALTHY }));
    await commit(store, put('a', { health: Health.DRAINING }), remove('c'));
    expect(directory.service(SERVICE)?.counts).toEqual({ healthy: 0, unhealthy: 0, draining: 2, suspect: 0 });
    await store.close();
  });

  it('waits for a revision that has not come yet, but not for ever', async () => {
    const clock = new FakeClock();
    const store = await openMemoryStore({ clock });
    const directory = await open(store, { clock });
    const waiting = directory.current(1);
    await commit(store, put('a'));
    await waiting;
    const tooFar = directory.current(3).catch((error: { reason: string }) => error.reason);
    await clock.advance(2_000);
    expect(await tooFar).toBe('REVISION_UNAVAILABLE');
    await store.close();
  });

  describe('of more endpoints than are read at once', () => {
    const COUNT = 10_050;
    const ids = Array.from({ length: COUNT }, (_, index) => `e${String(index).padStart(5, '0')}`);
    const [first, last] = [ids[0]!, ids[COUNT - 1]!];

    async function openStore(): Promise<Store> {
      const store = await openMemoryStore();
      await commit(store, ...ids.map((id) => put(id)));
      return store;
    }

    it('is right about what changed while it was being loaded, and about how it was before', async () => {
      const store = await openStore();
      const directory = await open(
        withInterruption(store, async () => {
          await commit(store, put(first, { weight: 1 }));
          await commit(store, put(last, { weight: 1 }), remove(ids[1]!));
          await commit(store, put(last, { weight: 2 }));
        }),
      );
      const { endpoints, changes } = describeService(directory);
      expect([endpoints[first], endpoints[ids[1]!], endpoints[last], directory.endpointCount]).toEqual([
        2,
        undefined,
        4,
        COUNT - 1,
      ]);
      expect(changes.slice(COUNT)).toEqual([
        [2, first, 1, 2],
        [3, last, 1, 3],
        [3, ids[1], 1, undefined],
        [4, last, 3, 4],
      ]);
      expect(directory.revision).toBe(4);
      await store.close();
    });

    it('loads again if history was let go meanwhile', async () => {
      const store = await openStore();
      let interrupted = false;
      const directory = await open(
        withInterruption(store, async () => {
          if (interrupted) return;
          interrupted = true;
          await commit(store, put(first, { weight: 1 }));
          await store.compact(await commit(store, remove(ids[1]!)));
        }),
      );
      const { endpoints, changes } = describeService(directory);
      expect([endpoints[first], endpoints[ids[1]!], changes, directory.floor]).toEqual([2, undefined, [], 3]);
      await store.close();
    });
  });
});

describe('the keys of the catalog', () => {
  it('say which endpoint they are of', () => {
    const name = { namespace: 'team', service: 'acme.v1.Payments', id: '10.0.0.1:80' };
    expect(parseKey(recordKey(name))).toEqual(name);
    expect(parseKey(livenessKey(name))).toEqual(name);
    expect(() => parseKey('e/default/payments')).toThrow('e/default/payments');
  });
});
