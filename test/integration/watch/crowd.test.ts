import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LIMITS } from '../../../src/core/limits.js';
import { Crowd, type CrowdWatcher } from '../../support/crowd.js';
import { startInProcess, type InProcessServer } from '../../support/in-process-server.js';
import { ObservedWatch } from '../../support/observed-watch.js';
import { RawClient } from '../../support/raw-client.js';
import { RawHttp2 } from '../../support/raw-http2.js';
import { until } from '../../support/until.js';

const ENDPOINTS = 10_000;
const CONNECTIONS = 20;
const WATCHERS = 2_000;
const NON_READERS = 500;
/** What HTTP/2 lets through to a stream that nobody reads. */
const WINDOW_BYTES = 65_535;
const PATIENCE_MS = 60_000;

const service = 'crowd';
const addresses = [{ host: '10.0.0.1', port: 80 }];

let server: InProcessServer;
let client: RawClient;
const held: Disposable[] = [];

/** Keeps something to be disposed of at the end. */
function hold<T extends Disposable>(each: T): T {
  held.push(each);
  return each;
}

beforeAll(async () => {
  server = await startInProcess({ settings: { 'checkpoint-interval': '1h' } });
  client = hold(await RawClient.connect(server.address));
  await Promise.all(Array.from({ length: ENDPOINTS }, (_, index) => register(`e${index}`)));
}, PATIENCE_MS);

afterAll(async () => {
  for (const each of held) each[Symbol.dispose]();
  await until('no watch was left behind', () => server.server.counts.watches === 0);
  await server[Symbol.asyncDispose]();
}, PATIENCE_MS);

function register(id: string) {
  return client.register({ endpoint: { service, id, addresses }, ttl: { seconds: 3_600n } });
}

/** Bytes outside JavaScript's own heap that are still in use, where what waits in streams is. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().arrayBuffers;
}

test('a service of 10,000 endpoints is a snapshot in messages of at most 1 MiB, and a change to it one small delta', async () => {
  const watch = new ObservedWatch(client, { service });
  await watch.reach(0, PATIENCE_MS);
  expect(watch.view.size).toBe(ENDPOINTS);
  expect(watch.snapshots).toHaveLength(1);
  expect(watch.messages.length).toBeGreaterThan(1);
  expect(Math.max(...watch.messages.map(({ bytes }) => bytes))).toBeLessThanOrEqual(LIMITS.messageBytesMax);

  const chunks = watch.messages.length;
  const { endpoint } = await register('e5000');
  await watch.reach(endpoint!.modRevision);
  const after = watch.messages.slice(chunks);
  expect(after).toMatchObject([{ kind: 'delta', upserted: ['e5000'], removed: [] }]);
  expect(after[0]!.bytes).toBeLessThan(1_024);
  expect(watch.view.get('e5000')).toEqual(endpoint);
  watch.cancel();
});

test(
  '2,000 watchers of it are exact, 500 of whom read nothing for a while and harm nobody',
  async () => {
    const crowd = new Crowd(client.xxh64);
    const readers: CrowdWatcher[] = [];
    const unread: ReturnType<Crowd['openUnread']>[] = [];
    for (let index = 0; index < CONNECTIONS; index++) {
      const reading = hold(await RawClient.connect(server.address));
      for (let count = 0; count < (WATCHERS - NON_READERS) / CONNECTIONS; count++) {
        readers.push(crowd.open(reading, { service }));
      }
      const notReading = hold(new RawHttp2(server.address));
      for (let count = 0; count < NON_READERS / CONNECTIONS; count++) {
        unread.push(crowd.openUnread(notReading, service));
      }
    }
    const nonReaders = unread.map(({ watcher }) => watcher);
    expect([readers.length, nonReaders.length]).toEqual([1_500, NON_READERS]);
    const reached = (watchers: readonly CrowdWatcher[], revision: number) =>
      until(
        `${watchers.length} watchers reached revision ${revision}`,
        () => (crowd.check(), watchers.every((watcher) => watcher.revision >= revision && watcher.revision > 0)),
        PATIENCE_MS,
      );

    await reached(readers, 0);
    await until(
      'the others have stalled, with their windows full',
      () =>
        server.server.counts.stalled === NON_READERS &&
        unread.every(({ unreadBytes }) => unreadBytes() >= WINDOW_BYTES),
      PATIENCE_MS,
    );
    expect(server.server.counts).toMatchObject({ watches: WATCHERS, topics: 1 });
    for (const watcher of readers) expect(watcher.size).toBe(ENDPOINTS);

    // One change, one delta for everyone who reads.
    const first = (await register('e0')).endpoint!.modRevision;
    await reached(readers, first);
    for (const watcher of readers) expect(watcher).toMatchObject({ snapshots: 1, deltas: 1, size: ENDPOINTS });

    // Many changes. Kept for those who do not read, they would take more than 500 × 500 × 60 bytes.
    const before = heldBytes();
    const reference = new ObservedWatch(client, { service });
    await reference.reach(0, PATIENCE_MS);
    let last = 0;
    for (let burst = 0; burst < 10; burst++) {
      const ids = Array.from({ length: 50 }, (_, index) => `n${burst}.${index}`);
      const registered = await Promise.all(ids.map(register));
      last = Math.max(...registered.map(({ endpoint }) => endpoint!.modRevision));
    }
    await reached(readers, last);
    await reference.reach(last);
    for (const watcher of readers) expect([watcher.digest, watcher.size]).toEqual([reference.digest, ENDPOINTS + 500]);
    expect(server.server.counts.stalled).toBe(NON_READERS);
    expect(nonReaders.every((watcher) => watcher.revision === 0)).toBe(true);
    // What is on its way to those who read goes by itself.
    await until('nothing much is held', () => heldBytes() - before < 8 * 1024 * 1024, PATIENCE_MS);
    expect(server.server.counts.stalled).toBe(NON_READERS);

    for (const { read } of unread) read();
    await reached(nonReaders, last);
    for (const watcher of nonReaders) {
      expect([watcher.digest, watcher.size]).toEqual([reference.digest, ENDPOINTS + 500]);
      // What it missed came as one delta onto the snapshot that it was amid.
      expect(watcher).toMatchObject({ snapshots: 1, deltas: 1 });
    }
    expect(server.server.counts.stalled).toBe(0);
    expect(Math.max(...crowd.watchers.map(({ bytesMax }) => bytesMax))).toBeLessThanOrEqual(LIMITS.messageBytesMax);
  },
  3 * PATIENCE_MS,
);
