import { once } from 'node:events';
import { status } from '@grpc/grpc-js';
import { registerRollcallBalancer } from '../../../src/balancer/index.js';
import { until } from '../../support/until.js';
import { startBackend, type Backend } from './backend.js';
import { callsByBackend, listingsOf, noAnswers, watch, who } from './listing.js';
import { startRaw } from './raw-backend.js';

registerRollcallBalancer();
const listing = listingsOf('balancerchanges');

let backends: Backend[] = [];
afterEach(async () => {
  for (const backend of backends) await backend.die();
  backends = [];
});

async function start(name: string, port = 0): Promise<Backend> {
  const backend = await startBackend(name, port);
  backends.push(backend);
  return backend;
}

it('an endpoint that goes and one that comes leave all others connected', async () => {
  const [a, b, c] = await Promise.all([start('a'), start('b'), start('c')]);
  using service = listing();
  service.deliver([a.listed(), b.listed()]);
  await until('both are called', async () => Object.keys(await callsByBackend(service.client, 10)).length === 2);
  service.deliver([c.listed(), b.listed()]);
  await until('the new one is called', async () => (await callsByBackend(service.client, 10))['c'] === 5);
  expect((await callsByBackend(service.client, 20))['a']).toBeUndefined();
  expect([a, b, c].map(({ connections }) => connections.made)).toEqual([1, 1, 1]);
});

it('a registration that replaces another at the same address keeps the connection', async () => {
  const a = await start('a');
  using service = listing();
  service.deliver([a.listed({ id: 'first' })]);
  await who(service.client);
  service.deliver([a.listed({ id: 'second' })]);
  await who(service.client);
  expect(a.connections.made).toBe(1);
});

it('the old endpoints are called until one of the new can be, however long that takes', async () => {
  const [a, b] = await Promise.all([start('a'), start('b')]);
  await using mute = await startRaw('mute');
  using service = listing();
  service.deliver([a.listed()]);
  await who(service.client);
  service.deliver([mute.listed()]);
  await until('the new one is being connected to', () => mute.accepted() > 0);
  expect(await callsByBackend(service.client, 20)).toEqual({ a: 20 });
  service.deliver([mute.listed(), b.listed()]);
  await until('the other new one is called alone', async () => (await callsByBackend(service.client, 20))['b'] === 20);
});

it('a stream on an endpoint that has left lives on', async () => {
  const [a, b] = await Promise.all([start('a'), start('b')]);
  using service = listing();
  service.deliver([a.listed()]);
  const stream = watch(service.client);
  const read: string[] = [];
  stream.on('data', (message: Buffer) => read.push(String(message)));
  const ended = once(stream, 'end');
  await until('the stream is open', () => a.streams.length === 1);
  service.deliver([b.listed()]);
  await until('the new one is called alone', async () => (await callsByBackend(service.client, 20))['b'] === 20);
  service.deliver([]);
  a.streams[0]!.write(Buffer.from('still here'));
  await until('its message arrives', () => read.length === 1);
  a.streams[0]!.end();
  await ended;
});

it('all of ten endpoints replaced, under load, fail no call', async () => {
  const old = await Promise.all(Array.from({ length: 10 }, (_, index) => start(`old${index}`)));
  const fresh = await Promise.all(Array.from({ length: 10 }, (_, index) => start(`new${index}`)));
  using service = listing();
  service.deliver(old.map((backend) => backend.listed()));
  await who(service.client);
  const load = { over: false };
  // A call that fails rejects here.
  const loading = (async () => {
    while (!load.over) await callsByBackend(service.client, 50);
  })();
  service.deliver(fresh.map((backend) => backend.listed()));
  await until('the new ones have all the calls', async () => {
    const answered = await callsByBackend(service.client, 50);
    return Object.keys(answered).length === 10 && Object.keys(answered).every((name) => name.startsWith('new'));
  });
  load.over = true;
  await loading;
});

it('an empty list fails calls at once, with the resolver’s words, also as the first', async () => {
  const a = await start('a');
  using service = listing();
  service.deliver([], 'payments has no endpoints');
  await expect(who(service.client)).rejects.toMatchObject({
    code: status.UNAVAILABLE,
    details: expect.stringContaining('payments has no endpoints') as string,
  });
  service.deliver([a.listed()]);
  await until('a is called', () => who(service.client).catch(() => false));
  service.deliver([], 'payments has no endpoints');
  await expect(who(service.client)).rejects.toMatchObject({
    code: status.UNAVAILABLE,
    details: expect.stringContaining('payments has no endpoints') as string,
  });
});

it('a resolver that fails first fails calls with its error, and once it had a list changes nothing', async () => {
  const a = await start('a');
  using service = listing();
  service.fail('no server answers');
  await expect(who(service.client)).rejects.toMatchObject({ code: status.UNAVAILABLE, details: 'no server answers' });
  service.deliver([a.listed()]);
  await until('a is called', () => who(service.client).catch(() => false));
  service.fail('no server answers');
  expect(await callsByBackend(service.client, 10)).toEqual({ a: 10 });
});

it('without any word of the resolver, calls wait for their deadline', async () => {
  using service = listing();
  await expect(who(service.client, { deadlineMs: 200 })).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
});

it.each(['an empty list', 'a failed resolution', 'endpoints that are down'])(
  'a call that waits for readiness outlasts %s',
  async (what) => {
    const gone = await start('gone');
    await gone.die();
    const a = await start('a');
    using service = listing();
    if (what === 'an empty list') service.deliver([]);
    else if (what === 'a failed resolution') service.fail('no server answers');
    else service.deliver([gone.listed()]);
    // Others fail fast, so that the state is known to the one that waits.
    await expect(who(service.client)).rejects.toMatchObject({ code: status.UNAVAILABLE });
    const waiting = who(service.client, { waitForReady: true });
    service.deliver([a.listed()]);
    expect(await waiting).toBe('a');
  },
);

it('calls to endpoints of which none can be reached fail with how many, and why', async () => {
  const [a, b] = await Promise.all([start('a'), start('b')]);
  await a.die();
  await b.die();
  using service = listing();
  service.deliver([a.listed(), b.listed()]);
  await expect(who(service.client)).rejects.toMatchObject({
    code: status.UNAVAILABLE,
    details: expect.stringMatching(/none of 2 endpoints can be reached.*ECONNREFUSED/) as string,
  });
});

it('a connection that is lost is made again at once, without a call', async () => {
  const a = await start('a');
  using service = listing();
  service.deliver([a.listed()]);
  await who(service.client);
  a.dropConnections();
  await until('it is connected again', () => a.connections.made === 2 && a.connections.open === 1);
});

it('an endpoint that comes back after a while is called within seconds', async () => {
  const a = await start('a');
  const b = await start('b');
  using service = listing();
  service.deliver([a.listed(), b.listed()]);
  await until('both are called', async () => Object.keys(await callsByBackend(service.client, 10)).length === 2);
  await b.die();
  await until(
    'b is called no more',
    async () => (await callsByBackend(service.client, 10).catch(noAnswers))['a'] === 10,
  );
  await start('b again', b.port);
  await until('b is called again', async () => (await callsByBackend(service.client, 10))['b again'] === 5, 10_000);
});

it('a resolver that answers each question with the same list is not asked without end', async () => {
  const a = await start('a');
  const gone = await start('gone');
  await gone.die();
  using service = listing();
  const list = () => service.deliver([a.listed(), gone.listed()]);
  service.onAsked(() => setImmediate(list));
  list();
  await callsByBackend(service.client, 500);
  // Once to begin, and then no more than a connection is tried again: at first every 200 ms or so.
  expect(service.asked()).toBeLessThan(10);
});

it('a channel that was idle finds its endpoints again', async () => {
  const a = await start('a');
  using service = listing({}, { 'grpc.client_idle_timeout_ms': 1_000 });
  service.deliver([a.listed()]);
  await who(service.client);
  await until('the channel is idle', () => service.asked() === 0);
  expect(await who(service.client)).toBe('a');
});
