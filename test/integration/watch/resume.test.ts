import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Snapshot_Reason as Reason } from '../../../src/gen/rollcall/v1/discovery.js';
import { LIMITS } from '../../../src/core/limits.js';
import { decodeToken } from '../../../src/core/token.js';
import { startInProcess } from '../../support/in-process-server.js';
import { ObservedWatch } from '../../support/observed-watch.js';
import { RawClient } from '../../support/raw-client.js';

const addresses = [{ host: '10.0.0.1', port: 80 }];
const service = 'payments';
const endpoint = (id: string) => ({ endpoint: { service, id, addresses } });
const revisionOf = (token: string) => decodeToken(token, 'token').revision;
const ids = (watch: ObservedWatch) => [...watch.view.keys()].sort();

/** A client of a server of its own; both are gone when the test is over. */
async function onServer(
  test: (client: RawClient) => Promise<void>,
  settings: Parameters<typeof startInProcess>[0] = {},
): Promise<void> {
  await using server = await startInProcess(settings);
  using client = await RawClient.connect(server.address);
  await test(client);
}

async function completeWatch(client: RawClient): Promise<ObservedWatch> {
  const watch = new ObservedWatch(client, { service });
  await watch.reach();
  watch.cancel();
  return watch;
}

test('a watch that goes on is told only what changed, all of it at once', () =>
  onServer(async (client) => {
    for (const id of ['a', 'b', 'c']) await client.register(endpoint(id));
    const before = await completeWatch(client);
    const { leaseId } = await client.register(endpoint('passes'));
    await client.deregister({ service, endpointId: 'passes', leaseId });
    await client.register(endpoint('b'));
    const { resumeToken } = await client.register(endpoint('d'));

    const after = new ObservedWatch(client, { service }, { from: before.position });
    await after.reach(revisionOf(resumeToken));
    expect(after.messages).toMatchObject([{ kind: 'delta', upserted: ['b', 'd'], removed: [] }]);
    expect(ids(after)).toEqual(['a', 'b', 'c', 'd']);
  }));

test('a watch that goes on where nothing changed gets a checkpoint at once', () =>
  onServer(
    async (client) => {
      await client.register(endpoint('a'));
      const before = await completeWatch(client);
      const { resumeToken } = await client.register({ endpoint: { service: 'other', id: 'a', addresses } });
      const after = new ObservedWatch(client, { service }, { from: before.position });
      await after.reach();
      expect(after.messages).toMatchObject([{ kind: 'checkpoint', revision: revisionOf(resumeToken) }]);
    },
    { settings: { 'checkpoint-interval': '1h' } },
  ));

test('a watch that goes on before all that is remembered gets a snapshot that says so', () =>
  onServer(
    async (client) => {
      await client.register(endpoint('kept'));
      const before = await completeWatch(client);
      for (let count = 0; count < 150; count++) await client.register(endpoint('changing'));
      const after = new ObservedWatch(client, { service }, { from: before.position });
      await after.reach();
      expect(after.snapshots).toEqual([Reason.COMPACTED]);
      expect(ids(after)).toEqual(['changing', 'kept']);
    },
    { settings: { 'history-count-max': '100' } },
  ));

test('a watch that goes on after more changes than one message holds gets a snapshot that says so, in messages that fit', () =>
  onServer(async (client) => {
    await client.register(endpoint('small'));
    const before = await completeWatch(client);
    const metadata = Object.fromEntries(['a', 'b', 'c'].map((key) => [key, 'x'.repeat(LIMITS.metadataValueBytesMax)]));
    for (let id = 0; id < 30; id++) await client.register({ endpoint: { ...endpoint(`e${id}`).endpoint, metadata } });
    const after = new ObservedWatch(client, { service }, { from: before.position });
    await after.reach();
    expect(after.snapshots).toEqual([Reason.COMPACTED]);
    expect(after.view.size).toBe(31);
    expect(Math.max(...after.messages.map(({ bytes }) => bytes))).toBeLessThanOrEqual(LIMITS.messageBytesMax);
    const list = await client.listEndpoints({ service, pageSize: LIMITS.pageSizeMax });
    expect(list.endpoints.length).toBeLessThan(31);
    expect(list.nextPageToken).not.toBe('');
  }));

test('what is forgotten of other services costs a watch no snapshot', () =>
  onServer(
    async (client) => {
      await client.register(endpoint('kept'));
      const watching = new ObservedWatch(client, { service });
      await watching.reach();
      const { position } = watching;
      const noise = { endpoint: { service: 'noise', id: 'a', addresses } };
      for (let count = 0; count < 150; count++) await client.register(noise);
      const after = new ObservedWatch(client, { service }, { from: position });
      await after.reach();
      expect(after.snapshots).toEqual([]);
      expect(after.count('checkpoint')).toBe(1);
    },
    { settings: { 'history-count-max': '100' } },
  ));

test('a watcher that comes and goes all the time, among writes, is exact whenever it looks', () =>
  onServer(async (client) => {
    const done = new AbortController();
    const writers = ['a', 'b', 'c'].map(async (id) => {
      while (!done.signal.aborted) {
        const { leaseId } = await client.register(endpoint(id));
        await client.update({ endpoint: { service, id, weight: 1 }, updateMask: ['weight'], leaseId });
        if (id === 'c') await client.deregister({ service, endpointId: id, leaseId });
      }
    });
    let position = (await completeWatch(client)).position;
    for (let round = 0; round < 100; round++) {
      const watch = new ObservedWatch(client, { service }, { from: position });
      await watch.until('a few messages came', () => watch.messages.length > round % 4);
      watch.cancel();
      expect(watch.snapshots).toEqual([]);
      position = watch.position;
    }
    done.abort();
    await Promise.all(writers);
  }));

describe('on disk', () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'rollcall-resume-'));
  });

  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  test('a watch goes on after a restart of the server without a new snapshot', async () => {
    const settings = { settings: { store: 'lmdb', 'data-dir': dataDir } };
    let before: ObservedWatch | undefined;
    await onServer(async (client) => {
      for (const id of ['a', 'b']) await client.register(endpoint(id));
      before = await completeWatch(client);
      await client.register(endpoint('c'));
      const { leaseId } = await client.register(endpoint('a'));
      await client.deregister({ service, endpointId: 'a', leaseId });
    }, settings);
    await onServer(async (client) => {
      const { resumeToken } = await client.register(endpoint('d'));
      expect(revisionOf(resumeToken)).toBeGreaterThan(before!.revision);
      const after = new ObservedWatch(client, { service }, { from: before!.position });
      await after.reach(revisionOf(resumeToken));
      expect(after.messages).toMatchObject([{ kind: 'delta', removed: [{ endpointId: 'a' }] }]);
      expect(ids(after)).toEqual(['b', 'c', 'd']);
      expect(after.snapshots).toEqual([]);
    }, settings);
  });

  test('a new epoch on the same data gives every watch a snapshot that says so', async () => {
    const settings = { settings: { store: 'lmdb', 'data-dir': dataDir } };
    let before: ObservedWatch | undefined;
    await onServer(async (client) => {
      await client.register(endpoint('a'));
      before = await completeWatch(client);
    }, settings);
    await onServer(
      async (client) => {
        const after = new ObservedWatch(client, { service, resumeToken: before!.token });
        await after.reach();
        expect(after.snapshots).toEqual([Reason.EPOCH_CHANGED]);
        expect(ids(after)).toEqual(['a']);
      },
      { ...settings, newEpoch: true },
    );
  });
});
