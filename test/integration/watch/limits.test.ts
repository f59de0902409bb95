import { startInProcess, type InProcessServer } from '../../support/in-process-server.js';
import { ObservedWatch } from '../../support/observed-watch.js';
import { RawClient } from '../../support/raw-client.js';
import { until } from '../../support/until.js';

let server: InProcessServer;

beforeEach(async () => {
  const settings = { 'watches-max': '5', 'watches-per-connection-max': '3', 'streams-per-connection-max': '10' };
  server = await startInProcess({ settings });
});

afterEach(() => server[Symbol.asyncDispose]());

const open = (client: RawClient) => new ObservedWatch(client, { service: 'a' });

async function openAll(client: RawClient, count: number): Promise<ObservedWatch[]> {
  const watches = Array.from({ length: count }, () => open(client));
  for (const watch of watches) await watch.reach();
  return watches;
}

test('a connection has so many watches and no more, and gets a place back when one ends', async () => {
  using client = await RawClient.connect(server.address);
  const [first] = await openAll(client, 3);
  for (let attempt = 0; attempt < 5; attempt++) {
    expect(await open(client).ended()).toMatchObject({
      status: 'RESOURCE_EXHAUSTED',
      reason: 'TOO_MANY_WATCHES',
      domain: 'rollcall',
      metadata: { scope: 'connection', limit: '3' },
    });
  }
  expect(server.server.counts.watches).toBe(3);
  first!.cancel();
  await until('the place is free', () => server.server.counts.watches === 2);
  await openAll(client, 1);
});

test('the server has so many watches and no more, and gets the places of a closed connection back', async () => {
  using one = await RawClient.connect(server.address);
  using other = await RawClient.connect(server.address);
  await openAll(one, 3);
  await openAll(other, 2);
  expect(await open(other).ended()).toMatchObject({
    status: 'RESOURCE_EXHAUSTED',
    reason: 'TOO_MANY_WATCHES',
    metadata: { scope: 'server', limit: '5' },
  });
  one[Symbol.dispose]();
  await until('the places are free', () => server.server.counts.watches === 2);
  using third = await RawClient.connect(server.address);
  await openAll(third, 3);
});

test('a watch that waits for a revision to come holds its place, and gives it back when it is refused', async () => {
  using client = await RawClient.connect(server.address);
  await openAll(client, 2);
  const { resumeToken } = await client.register({
    endpoint: { service: 'a', id: 'a', addresses: [{ host: 'a', port: 1 }] },
  });
  const ahead = Buffer.from(resumeToken, 'base64url');
  ahead.writeBigUInt64BE(1_000n, 9);
  const waiting = new ObservedWatch(client, { service: 'a', resumeToken: ahead.toString('base64url') });
  await until('the watch has its place', () => server.server.counts.watches === 3);
  expect((await open(client).ended()).reason).toBe('TOO_MANY_WATCHES');
  expect((await waiting.ended()).reason).toBe('REVISION_UNAVAILABLE');
  await until('the place is free', () => server.server.counts.watches === 2);
});

test('a bad request takes no place', async () => {
  using client = await RawClient.connect(server.address);
  for (let attempt = 0; attempt < 10; attempt++) {
    expect((await new ObservedWatch(client, { service: '' }).ended()).reason).toBe('INVALID_FIELD');
  }
  expect(server.server.counts.watches).toBe(0);
});

test('calls past what a connection may have at once wait until others end', async () => {
  using client = await RawClient.connect(server.address);
  const streams = Array.from({ length: 10 }, () => client.keepAlive());
  const answered = streams.map(
    (stream) => new Promise<void>((resolve) => stream.once('data', () => resolve()).write({ leaseIds: [1n] })),
  );
  await Promise.all(answered);
  let done = false;
  const call = client.listServices({}).finally(() => (done = true));
  using other = await RawClient.connect(server.address);
  await other.listServices({});
  expect(done).toBe(false);
  streams[0]!.end();
  await call;
  expect(done).toBe(true);
});
