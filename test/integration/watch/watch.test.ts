import {
  RemovedEndpoint_Reason as Removal,
  Snapshot_Reason as Reason,
} from '../../../src/gen/rollcall/v1/discovery.js';
import { Health } from '../../../src/gen/rollcall/v1/endpoint.js';
import { LabelRequirement_Operator as Operator } from '../../../src/gen/rollcall/v1/selector.js';
import { decodeToken, encodeToken } from '../../../src/core/token.js';
import { startInProcess, type InProcessServer } from '../../support/in-process-server.js';
import { ObservedWatch } from '../../support/observed-watch.js';
import { RawClient } from '../../support/raw-client.js';
import { SharedWatches, type WatchClient } from '../../support/shared-watches.js';
import { until } from '../../support/until.js';

let server: InProcessServer;
let client: RawClient;
let watcher: WatchClient;

beforeEach(async () => {
  server = await startInProcess({ settings: { 'checkpoint-interval': '100ms' } });
  client = await RawClient.connect(server.address);
});

afterEach(async () => {
  client[Symbol.dispose]();
  await until('no watch was left behind', () => server.server.counts.watches === 0);
  expect(server.server.counts).toMatchObject({ watches: 0, topics: 0, stalled: 0 });
  await server[Symbol.asyncDispose]();
});

const addresses = [{ host: '10.0.0.1', port: 80 }];
const register = (id: string, more: object = {}) =>
  client.register({ endpoint: { service: 'payments', id, addresses, ...more } });
const ids = (watch: ObservedWatch) => [...watch.view.keys()].sort();
const revisionOf = (token: string) => decodeToken(token, 'token').revision;

describe.each([
  ['with a stream of its own', (own: RawClient): WatchClient => own],
  ['on a shared stream', (own: RawClient): WatchClient => new SharedWatches(own)],
])('%s', (_, watcherOf) => {
  beforeEach(() => {
    watcher = watcherOf(client);
  });

  test('a watch begins with all endpoints, then tells of each that comes, changes and goes', async () => {
    await register('a');
    const b = await register('b');
    const watch = new ObservedWatch(watcher, { service: 'payments' });
    await watch.reach();
    expect(ids(watch)).toEqual(['a', 'b']);
    expect(watch.snapshots).toEqual([Reason.INITIAL]);

    const c = await register('c');
    await watch.reach(revisionOf(c.resumeToken));
    expect(ids(watch)).toEqual(['a', 'b', 'c']);
    expect(watch.view.get('c')).toEqual(c.endpoint);

    const held = { service: 'payments', id: 'b', weight: 7 };
    const updated = await client.update({ endpoint: held, updateMask: ['weight'], leaseId: b.leaseId });
    await watch.reach(revisionOf(updated.resumeToken));
    expect(watch.view.get('b')).toEqual(updated.endpoint);

    const gone = await client.deregister({ service: 'payments', endpointId: 'b', leaseId: b.leaseId });
    await watch.reach(revisionOf(gone.resumeToken));
    expect(ids(watch)).toEqual(['a', 'c']);
    expect(watch.messages.flatMap(({ removed }) => removed)).toEqual([
      { endpointId: 'b', reason: Removal.DEREGISTERED, revision: revisionOf(gone.resumeToken) },
    ]);
    expect(watch.snapshots).toHaveLength(1);
  });

  test('an endpoint whose lease lapses leaves the view as expired', async () => {
    await register('stays');
    await client.register({ endpoint: { service: 'payments', id: 'dies', addresses }, ttl: { seconds: 1n } });
    const watch = new ObservedWatch(watcher, { service: 'payments' });
    await watch.until('the endpoint was removed', () => watch.messages.some(({ removed }) => removed.length > 0));
    expect(watch.messages.flatMap(({ removed }) => removed)).toMatchObject([
      { endpointId: 'dies', reason: Removal.EXPIRED },
    ]);
    expect(ids(watch)).toEqual(['stays']);
  });

  test('a registration that is made anew is an upsert without a removal', async () => {
    const first = await register('a');
    const watch = new ObservedWatch(watcher, { service: 'payments' });
    await watch.reach();
    const second = await register('a', { weight: 3 });
    await watch.reach(revisionOf(second.resumeToken));
    expect(watch.messages.flatMap(({ removed }) => removed)).toEqual([]);
    expect(watch.view.get('a')).toMatchObject({
      weight: 3,
      createRevision: first.endpoint!.createRevision,
      modRevision: second.endpoint!.modRevision,
    });
  });

  test('selectors that say the same in another order share one topic', async () => {
    await register('a', { labels: { v: '1', tier: 'web' }, locality: { zone: 'x' } });
    const v = { key: 'v', operator: Operator.IN };
    const tier = { key: 'tier', operator: Operator.EXISTS };
    const watches = [
      { labelRequirements: [{ ...v, values: ['1', '2'] }, tier], zones: ['x', 'y'], health: [1, 3] },
      { labelRequirements: [tier, { ...v, values: ['2', '1', '1'] }, tier], zones: ['y', 'x', 'x'], health: [3, 1] },
    ].map((selector) => new ObservedWatch(watcher, { service: 'payments', selector: selector as never }));
    for (const watch of watches) await watch.reach();
    expect(server.server.counts).toMatchObject({ watches: 2, topics: 1 });

    const other = new ObservedWatch(watcher, { service: 'payments', selector: { zones: ['x'] } });
    await other.reach();
    expect(server.server.counts).toMatchObject({ watches: 3, topics: 2 });
    for (const watch of [...watches, other]) expect(ids(watch)).toEqual(['a']);
  });

  test.each([
    ['labels', { labels: { v: '2' } }, { labelRequirements: [{ key: 'v', operator: Operator.IN, values: ['1'] }] }],
    ['health', { health: Health.DRAINING }, { health: [Health.HEALTHY] }],
  ] as const)('an endpoint enters and leaves a view through its %s', async (path, outside, selector) => {
    const inside = { labels: { v: '1' }, health: Health.HEALTHY };
    const { leaseId } = await register('a', inside);
    const watch = new ObservedWatch(watcher, { service: 'payments', selector: selector as never });
    await watch.reach();
    expect(ids(watch)).toEqual(['a']);

    const change = (endpoint: object) =>
      client.update({ endpoint: { service: 'payments', id: 'a', ...endpoint }, updateMask: [path], leaseId });
    const left = await change(outside);
    await watch.reach(revisionOf(left.resumeToken));
    expect(ids(watch)).toEqual([]);
    expect(watch.messages.flatMap(({ removed }) => removed)).toEqual([
      { endpointId: 'a', reason: Removal.NO_LONGER_MATCHES, revision: revisionOf(left.resumeToken) },
    ]);

    const back = await change(inside);
    await watch.reach(revisionOf(back.resumeToken));
    expect(watch.view.get('a')).toEqual(back.endpoint);
  });

  test('what happens to other services and outside the selector is told by checkpoints alone', async () => {
    const selector = { zones: ['x'] };
    const watch = new ObservedWatch(watcher, { service: 'payments', selector });
    await watch.reach();
    await register('elsewhere', { locality: { zone: 'y' } });
    const last = await client.register({ endpoint: { service: 'orders', id: 'a', addresses } });
    await watch.reach(revisionOf(last.resumeToken));
    expect(watch.count('delta')).toBe(0);
    expect(watch.count('checkpoint')).toBeGreaterThan(0);
    expect(watch.view.size).toBe(0);
  });

  test('a service that never was has a complete, empty view', async () => {
    const watch = new ObservedWatch(watcher, { service: 'nobody' });
    await watch.reach();
    expect(watch.messages[0]).toMatchObject({ kind: 'snapshot', hasToken: true, upserted: [] });
    expect(watch.snapshots).toEqual([Reason.INITIAL]);
  });

  test('a watch that goes on from a list is told only what changed since', async () => {
    await register('a');
    await register('b');
    const list = await client.listEndpoints({ service: 'payments' });
    const position = {
      view: new Map(list.endpoints.map((endpoint) => [endpoint.id, endpoint])),
      token: list.resumeToken,
      revision: revisionOf(list.resumeToken),
    };
    const c = await register('c');
    const watch = new ObservedWatch(watcher, { service: 'payments' }, { from: position });
    await watch.reach(revisionOf(c.resumeToken));
    expect(watch.messages[0]).toMatchObject({ kind: 'delta', upserted: ['c'] });
    expect(ids(watch)).toEqual(['a', 'b', 'c']);
    expect(watch.snapshots).toEqual([]);
  });

  test('the token of a page that is not everything begins a watch with a snapshot', async () => {
    for (const id of ['a', 'b', 'c']) await register(id);
    const page = await client.listEndpoints({ service: 'payments', pageSize: 2 });
    const second = await client.listEndpoints({ service: 'payments', pageSize: 2, pageToken: page.nextPageToken });
    expect([page, second].map(({ endpoints }) => endpoints.map(({ id }) => id))).toEqual([['a', 'b'], ['c']]);
    expect(second.nextPageToken).toBe('');
    for (const { resumeToken } of [page, second]) {
      const watch = new ObservedWatch(watcher, { service: 'payments', resumeToken });
      await watch.reach();
      expect(watch.snapshots).toEqual([Reason.INITIAL]);
      expect(ids(watch)).toEqual(['a', 'b', 'c']);
    }
  });

  test('a write is seen by every read and watch that is given its token, and by those that are given none', async () => {
    for (let index = 0; index < 100; index++) {
      const { resumeToken, endpoint } = await register(`e${index}`);
      const [withToken, without, services] = await Promise.all([
        client.listEndpoints({ service: 'payments', minToken: resumeToken, pageSize: 1000 }),
        client.listEndpoints({ service: 'payments', pageSize: 1000 }),
        client.listServices({ minToken: resumeToken }),
      ]);
      expect(withToken.endpoints).toContainEqual(endpoint);
      expect(without.endpoints).toContainEqual(endpoint);
      expect(services.services).toMatchObject([{ service: 'payments', healthy: index + 1 }]);
      const watch = new ObservedWatch(watcher, { service: 'payments', resumeToken });
      await watch.reach();
      expect(watch.view.get(`e${index}`)).toEqual(endpoint);
      watch.cancel();
    }
  });

  test('a read that asks for a revision to come is answered once it has come, and not before', async () => {
    const now = decodeToken((await register('a')).resumeToken, 'token');
    const minToken = encodeToken({ ...now, revision: now.revision + 2 });
    let answered = false;
    const read = client.listEndpoints({ service: 'payments', minToken }).finally(() => (answered = true));
    const watch = new ObservedWatch(watcher, { service: 'payments', resumeToken: minToken });
    await register('b');
    await client.listServices({});
    expect(answered).toBe(false);
    expect(watch.messages).toEqual([]);
    await register('c');
    expect((await read).endpoints.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    await watch.reach();
    expect(ids(watch)).toEqual(['a', 'b', 'c']);
  });
});
