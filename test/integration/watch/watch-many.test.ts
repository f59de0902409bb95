import { LIMITS } from '../../../src/core/limits.js';
import { decodeToken, encodeToken } from '../../../src/core/token.js';
import { DiscoveryServiceService as discovery } from '../../../src/gen/rollcall/v1/discovery.js';
import { startInProcess, type InProcessServer } from '../../support/in-process-server.js';
import { ObservedWatch } from '../../support/observed-watch.js';
import { RawClient } from '../../support/raw-client.js';
import { failure } from '../../support/rpc-failure.js';
import { SharedWatches } from '../../support/shared-watches.js';
import { until } from '../../support/until.js';

let server: InProcessServer;
let client: RawClient;
let shared: SharedWatches;

beforeEach(async () => {
  server = await startInProcess({ settings: { 'watches-per-connection-max': '100' } });
  client = await RawClient.connect(server.address);
  shared = new SharedWatches(client);
});

afterEach(async () => {
  client[Symbol.dispose]();
  await until('no watch was left behind', () => server.server.counts.watches === 0);
  expect(server.server.counts).toMatchObject({ watches: 0, topics: 0, stalled: 0 });
  await server[Symbol.asyncDispose]();
});

const addresses = [{ host: '10.0.0.1', port: 80 }];
const register = (service: string, id: string, more: object = {}) =>
  client.register({ endpoint: { service, id, addresses, ...more } });
const watch = (service: string) => new ObservedWatch(shared, { service });
const services = (count: number) => Array.from({ length: count }, (_, index) => `s${index}`);
/** What the server has to say of the stream as a whole. */
const endOf = (stream: SharedWatches) => failure(new Promise((_, reject) => stream.onEnd(reject)));

test('watches of one stream have each their own service, and each its own errors', async () => {
  const watches = services(20).map(watch);
  const bad = [watch('no such name!'), new ObservedWatch(shared, { service: 's0', resumeToken: 'nonsense' })];
  for (const each of watches) await each.reach();
  expect(await bad[0]!.ended()).toMatchObject({ reason: 'INVALID_FIELD', fields: ['service'] });
  expect(await bad[1]!.ended()).toMatchObject({ reason: 'INVALID_TOKEN' });

  const { endpoint } = await register('s7', 'a');
  await watches[7]!.reach(endpoint!.modRevision);
  expect(watches.map(({ view }) => view.size)).toEqual(services(20).map((name) => (name === 's7' ? 1 : 0)));
  expect(server.server.counts).toMatchObject({ watches: 20, topics: 20 });
});

test('what many watches are due at once comes in one message', async () => {
  const watches = Array.from({ length: 50 }, () => watch('payments'));
  for (const each of watches) await each.reach();
  const before = shared.received;
  const { endpoint } = await register('payments', 'a');
  for (const each of watches) await each.reach(endpoint!.modRevision);
  expect(shared.received).toBe(before + 1);
});

test('a watch that was stopped is told nothing more, and the others go on', async () => {
  const [stays, stopped] = [watch('payments'), watch('payments')];
  await Promise.all([stays.reach(), stopped.reach()]);
  stopped.cancel();
  await until('its place is free', () => server.server.counts.watches === 1);
  const before = stopped.messages.length;
  const { endpoint } = await register('payments', 'a');
  await stays.reach(endpoint!.modRevision);
  expect(stopped.messages).toHaveLength(before);
});

test('a watch that waits for a revision to come holds up no other, and can be stopped before it begins', async () => {
  const now = decodeToken((await register('payments', 'a')).resumeToken, 'token');
  const resumeToken = encodeToken({ ...now, revision: now.revision + 1_000 });
  const ahead = new ObservedWatch(shared, { service: 'payments', resumeToken });
  const other = watch('payments');
  await other.reach();
  expect(ahead.messages).toEqual([]);
  expect(server.server.counts.watches).toBe(2);
  ahead.cancel();
  shared.send({ command: { $case: 'stop', value: { watchId: 77 } } });
  await watch('orders').reach();
  expect(ahead.messages).toEqual([]);
});

test('watches go on when their client has half-closed the stream', async () => {
  const payments = watch('payments');
  shared.halfClose();
  await payments.reach();
  const { endpoint } = await register('payments', 'a');
  await payments.reach(endpoint!.modRevision);
});

test.each([
  ['an id that is in use', { $case: 'start', value: { watchId: 0, request: { service: 'b' } } }, 'start.watch_id'],
  ['no command', undefined, 'command'],
] as const)('%s ends the stream and every watch of it', async (_, command, field) => {
  const watches = services(3).map(watch);
  for (const each of watches) await each.reach();
  shared.send({ command });
  for (const each of watches) {
    expect(await each.ended()).toMatchObject({ status: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD', fields: [field] });
  }
  await until('all places are free', () => server.server.counts.watches === 0);
});

test('a request that is no message ends the stream as malformed', async () => {
  const call = client.duplex(discovery.watchMany.path);
  call.resume();
  const ended = failure(new Promise((_, reject) => call.on('error', reject)));
  call.write(Buffer.from([0xff, 0xff, 0xff]));
  expect(await ended).toMatchObject({ status: 'INVALID_ARGUMENT', reason: 'MALFORMED_MESSAGE' });
});

test('a watch without a request is refused by itself', async () => {
  const fine = watch('payments');
  const refused = new Promise<unknown>((resolve) => shared.onStatus(1_000, resolve));
  shared.send({ command: { $case: 'start', value: { watchId: 1_000 } } });
  expect(await failure(refused.then((error) => Promise.reject(error as Error)))).toMatchObject({ fields: ['request'] });
  await fine.reach();
});

test('watches past the limit of a connection are refused, one by one', async () => {
  const watches = services(100).map(watch);
  for (const each of watches) await each.reach();
  expect(await watch('more').ended()).toMatchObject({ reason: 'TOO_MANY_WATCHES', metadata: { scope: 'connection' } });
  watches[0]!.cancel();
  await until('a place is free', () => server.server.counts.watches === 99);
  await watch('more').reach();
});

test('a server that shuts down tells each watch where to go on, and ends the stream', async () => {
  await register('s1', 'a');
  const watches = services(3).map(watch);
  for (const each of watches) await each.reach();
  const closed = server.server.close();
  for (const each of watches) {
    expect(await each.ended()).toMatchObject({ status: 'UNAVAILABLE', reason: 'SHUTTING_DOWN' });
    expect(each.reconnect).toBeDefined();
    each.check();
  }
  await closed;
});

test('a stream that is not read holds a bounded amount, slows no other, and all its watches end up right', async () => {
  const metadata = { filler: 'x'.repeat(2_000) };
  const names = services(30);
  using reader = await RawClient.connect(server.address);
  const others = names.map((service) => new ObservedWatch(reader, { service }));
  const watches = names.map(watch);
  for (const each of [...watches, ...others]) await each.reach();

  for (const each of watches) each.pause();
  const last = new Map<string, number>();
  for (let round = 0; round < 60; round++) {
    for (const name of names) {
      last.set(name, (await register(name, `e${round % 20}`, { metadata })).endpoint!.modRevision);
    }
  }
  for (const [index, name] of names.entries()) await others[index]!.reach(last.get(name));
  // Some 4 MiB were due, of which a window, and what may wait, could be sent.
  expect(server.server.counts.stalled).toBe(30);

  for (const each of watches) each.resume();
  for (const [index, name] of names.entries()) {
    await watches[index]!.reach(last.get(name));
    expect(watches[index]!.view).toEqual(others[index]!.view);
  }
  const perWatch = watches.map(({ messages }) => messages.length);
  expect(Math.max(...perWatch)).toBeLessThan(60);
  expect(server.server.counts.stalled).toBe(0);
});

test('large views on one stream come whole, in messages of a bounded size', async () => {
  const metadata = { filler: 'x'.repeat(8_000) };
  const names = services(5);
  for (const name of names) {
    await Promise.all(Array.from({ length: 40 }, (_, index) => register(name, `e${index}`, { metadata })));
  }
  const watches = names.map(watch);
  for (const each of watches) {
    await each.reach();
    expect(each.view.size).toBe(40);
    expect(each.messages.length).toBeGreaterThan(3);
  }
  expect(shared.bytesMax).toBeLessThan(LIMITS.messageBytesMax);
});

test('the stream of a client that vanishes takes all its watches with it', async () => {
  const watches = services(10).map(watch);
  for (const each of watches) await each.reach();
  client[Symbol.dispose]();
  expect(await endOf(shared)).toMatchObject({ status: 'CANCELLED' });
  await until('all places are free', () => server.server.counts.watches === 0);
});
