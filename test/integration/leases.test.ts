import { decodeToken } from '../../src/core/token.js';
import type { KeepAliveResponse } from '../../src/gen/rollcall/v1/registry.js';
import { startInProcess, type InProcessServer } from '../support/in-process-server.js';
import { ObservedWatch } from '../support/observed-watch.js';
import { RawClient } from '../support/raw-client.js';
import { failure, rpcFailure } from '../support/rpc-failure.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { until } from '../support/until.js';

const service = 'payments';
const addresses = [{ host: '10.0.0.1', port: 80 }];
const endpoint = { service, id: 'a', addresses };

let server: InProcessServer;
let client: RawClient;

beforeEach(async () => {
  server = await startInProcess();
  client = await RawClient.connect(server.address);
});

afterEach(async () => {
  client[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

const isAlive = async (leaseId: bigint) => (await client.renew(leaseId)).results[0]!.found;

test('a KeepAlive stream answers each message in the order asked, and its end does not end the leases', async () => {
  const { leaseId } = await client.register({ endpoint });
  const stream = client.keepAlive();
  const answers: KeepAliveResponse[] = [];
  stream.on('data', (answer: KeepAliveResponse) => answers.push(answer));
  const ended = new Promise((resolve) => stream.on('end', resolve));
  for (let count = 1; count <= 100; count++) stream.write({ leaseIds: [BigInt(count), leaseId] });
  stream.end();
  await ended;
  expect(answers.map(({ results }) => results.map((result) => [result.leaseId, result.found]))).toEqual(
    Array.from({ length: 100 }, (_, index) => [
      [BigInt(index + 1), false],
      [leaseId, true],
    ]),
  );
  expect(await isAlive(leaseId)).toBe(true);
});

test('a KeepAlive stream keeps an endpoint for many times its TTL, which goes once the stream is silent', async () => {
  const { leaseId } = await client.register({ endpoint, ttl: { seconds: 1n } });
  const watch = new ObservedWatch(client, { service });
  await watch.reach();
  const stream = client.keepAlive();
  const startedMs = performance.now();
  const renewals: KeepAliveResponse[] = [];
  await new Promise<void>((resolve) => {
    stream.on('data', (answer: KeepAliveResponse) => {
      renewals.push(answer);
      if (performance.now() - startedMs > 3_000) resolve();
      else setTimeout(() => stream.write({ leaseIds: [leaseId] }), 300);
    });
    stream.write({ leaseIds: [leaseId] });
  });
  expect(renewals.length).toBeGreaterThan(3);
  for (const { results } of renewals)
    expect(results).toEqual([{ leaseId, found: true, ttl: { seconds: 1n, nanos: 0 } }]);
  expect(watch.view.size).toBe(1);
  await watch.until('it expired', ({ view }) => view.size === 0);
  expect(await isAlive(leaseId)).toBe(false);
});

test('an old lease can do nothing to a registration made anew', async () => {
  const { leaseId: old } = await client.register({ endpoint });
  const { leaseId, endpoint: registered } = await client.register({ endpoint: { ...endpoint, weight: 7 } });
  expect(leaseId).not.toBe(old);
  expect(await isAlive(old)).toBe(false);
  const update = { endpoint: { service, id: 'a', weight: 1 }, updateMask: ['weight'], leaseId: old };
  for (const call of [client.update(update), client.deregister({ service, endpointId: 'a', leaseId: old })]) {
    expect(await failure(call)).toMatchObject({ status: 'FAILED_PRECONDITION', reason: 'LEASE_MISMATCH' });
  }
  expect((await client.listEndpoints({ service })).endpoints).toEqual([registered]);
  expect(await isAlive(leaseId)).toBe(true);
});

test('what is deregistered is gone with its lease, and removing it again is no failure', async () => {
  const { leaseId } = await client.register({ endpoint });
  const first = await client.deregister({ service, endpointId: 'a', leaseId });
  expect(await isAlive(leaseId)).toBe(false);
  const again = await client.deregister({ service, endpointId: 'a', leaseId });
  const revisions = [first, again].map(({ resumeToken }) => decodeToken(resumeToken, 'token').revision);
  expect(revisions[1]).toBeGreaterThanOrEqual(revisions[0]!);
  expect((await client.listEndpoints({ service })).endpoints).toEqual([]);
});

test('a registration whose answer was lost, and is made again, has one effect', async () => {
  await using network = await startFaultProxy(server.address);
  using far = await RawClient.connect(network.address);
  await far.listServices({});
  const request = { endpoint, ttl: { seconds: 20n }, requestId: 'once' };
  const watch = new ObservedWatch(client, { service });
  await watch.reach();

  const lost = far.register(request, { deadline: Date.now() + 60_000 }).catch(rpcFailure);
  await watch.until('it was registered', ({ view }) => view.size === 1);
  network.sever();
  const outcome = await lost;
  const again = await client.register(request);
  // The answer may have come before the connection broke; either way there is one registration.
  expect('leaseId' in outcome ? outcome : outcome.status).toEqual('leaseId' in outcome ? again : 'UNAVAILABLE');
  expect(again.endpoint).toEqual(watch.view.get('a'));
  expect(again.endpoint!.createRevision).toBe(again.endpoint!.modRevision);
  expect(await isAlive(again.leaseId)).toBe(true);
});

test('the same registration made many times at once is one registration', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.register({ endpoint, requestId: 'once' })));
  expect(new Set(answers.map(({ leaseId }) => leaseId)).size).toBe(1);
  expect(new Set(answers.map((answer) => answer.endpoint!.modRevision)).size).toBe(1);
  expect(server.server.counts.revision).toBe(1);
});

test('of many that register one id at once, the last one holds it, and the leases of all others are dead', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, weight) =>
      client.register({ endpoint: { ...endpoint, weight } }).catch(rpcFailure),
    ),
  );
  const registered = answers.flatMap((answer) => ('leaseId' in answer ? [answer] : []));
  const refusals = answers.flatMap((answer) => ('leaseId' in answer ? [] : [answer.reason]));
  expect(refusals.filter((reason) => reason !== 'CONTENDED')).toEqual([]);
  expect(registered.length).toBeGreaterThan(0);
  const [now] = (await client.listEndpoints({ service })).endpoints;
  const holder = registered.find((answer) => answer.endpoint!.modRevision === now!.modRevision);
  expect(holder?.endpoint).toEqual(now);
  for (const { leaseId } of registered) expect(await isAlive(leaseId)).toBe(leaseId === holder!.leaseId);
});

test('two hundred leases are renewed in one message, and expire when nobody renews them', async () => {
  const registered = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      client.register({ endpoint: { service, id: `e${index}`, addresses }, ttl: { seconds: 2n } }),
    ),
  );
  const { results } = await client.renew(...registered.map(({ leaseId }) => leaseId));
  expect(results.every(({ found }) => found)).toBe(true);
  await until('all have expired', () => server.server.counts.endpoints === 0);
  const after = await client.renew(...registered.map(({ leaseId }) => leaseId));
  expect(after.results.every(({ found, ttl }) => !found && ttl === undefined)).toBe(true);
});
