import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import { connect } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiscoveryServiceService as discovery, WatchRequest } from '../../src/gen/rollcall/v1/discovery.js';
import { toMs } from '../../src/core/duration.js';
import { DynamicClient } from '../support/dynamic-client.js';
import { ObservedWatch } from '../support/observed-watch.js';
import { RawClient } from '../support/raw-client.js';
import { RawHttp2 } from '../support/raw-http2.js';
import { rpcFailure, type RpcFailure } from '../support/rpc-failure.js';
import { startServer } from '../support/server-process.js';
import { until, within } from '../support/until.js';

jest.setTimeout(60_000);

/** What is promised of SIGTERM, whatever clients do. */
const EXIT_MS_MAX = 10_000;
const GOOD_ORDER = { code: 0, signal: null };

const service = 'payments';
const addresses = [{ host: '10.0.0.1', port: 80 }];

test('watchers are told to reconnect, streams end with a reason, and they go on with what they have', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'rollcall-shutdown-'));
  try {
    await using server = await startServer({ dataDir, args: ['--reconnect-delay-max', '700ms'] });
    using client = await RawClient.connect(server.address);
    const { leaseId } = await client.register({ endpoint: { service, id: 'a', addresses } });
    const watches = Array.from(
      { length: 50 },
      (_, index) => new ObservedWatch(client, { service: index % 2 === 0 ? service : 'empty' }),
    );
    for (const watch of watches) await watch.reach();
    const leases = client.keepAlive();
    const ended = new Promise<RpcFailure>((resolve) => leases.on('error', (error) => resolve(rpcFailure(error))));
    await new Promise((resolve) => leases.once('data', resolve).write({ leaseIds: [leaseId] }));

    const stopped = server.stop();
    for (const watch of watches) {
      expect(await watch.ended()).toMatchObject({ status: 'UNAVAILABLE', reason: 'SHUTTING_DOWN', domain: 'rollcall' });
      expect(watch.messages.at(-1)).toMatchObject({ kind: 'reconnect', hasToken: true });
      expect(toMs(watch.reconnect!.delayMax!)).toBe(700);
      watch.check();
    }
    expect(await ended).toMatchObject({ status: 'UNAVAILABLE', reason: 'SHUTTING_DOWN' });
    expect(await stopped).toEqual(GOOD_ORDER);

    await using next = await startServer({ dataDir });
    using after = await RawClient.connect(next.address);
    const again = new ObservedWatch(after, { service }, { from: watches[0]!.position });
    await again.reach();
    expect(again.messages).toMatchObject([{ kind: 'checkpoint' }]);
    expect((await after.renew(leaseId)).results[0]?.found).toBe(true);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('clients that hang on to their connections in every way do not keep it from ending', async () => {
  await using server = await startServer({ args: ['--store', 'memory'] });
  using client = await RawClient.connect(server.address);
  // Enough to fill the window of a watcher that does not read.
  const metadata = { filler: 'x'.repeat(10_000) };
  for (let id = 0; id < 60; id++) await client.register({ endpoint: { service, id: `e${id}`, addresses, metadata } });

  const health = loadSync(healthProtoPath, { keepCase: true, enums: String });
  using prober = new DynamicClient(server.address, health, 'grpc.health.v1.Health');
  const seen: unknown[] = [];
  prober
    .stream('Watch', { service: '' })
    .on('data', ({ status }) => seen.push(status))
    .on('error', () => undefined);
  const idle = client.keepAlive().on('error', () => undefined);
  await new Promise((resolve) => idle.once('data', resolve).write({ leaseIds: [] }));
  using stalled = new RawHttp2(server.address);
  const unread = stalled.unread(
    discovery.watch.path,
    discovery.watch.requestSerialize(WatchRequest.fromPartial({ service })),
  );
  const halfSent = client.duplex(discovery.listServices.path).on('error', () => undefined);
  const [host = '', port] = server.address.split(':');
  const silent = connect(Number(port), host).on('error', () => undefined);
  await until('all are connected', () => seen.length === 1 && unread.readableLength >= 65_535 && !silent.connecting);

  const startedMs = performance.now();
  expect(await within('the server ended', server.stop(), 3 * EXIT_MS_MAX)).toEqual(GOOD_ORDER);
  expect(performance.now() - startedMs).toBeLessThan(EXIT_MS_MAX);
  expect(seen).toEqual(['SERVING', 'NOT_SERVING']);
  halfSent.cancel();
  silent.destroy();
});

test('a server that is told to stop in the moment it listens, while clients connect and write all the time ends', async () => {
  await using server = await startServer({ args: ['--store', 'memory'] });
  const over = new AbortController();
  const clients = Array.from({ length: 4 }, async (_, index) => {
    for (let count = 0; !over.signal.aborted; count++) {
      using client = await RawClient.connect(server.address);
      await client.register({ endpoint: { service, id: `e${index}.${count}`, addresses } }).catch(() => undefined);
    }
  });
  const startedMs = performance.now();
  try {
    expect(await within('the server ended', server.stop(), 3 * EXIT_MS_MAX)).toEqual(GOOD_ORDER);
    expect(performance.now() - startedMs).toBeLessThan(EXIT_MS_MAX);
  } finally {
    over.abort();
    await Promise.all(clients);
  }
});

test('writes under way at a SIGTERM are each acknowledged and on disk, or refused', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'rollcall-shutdown-'));
  try {
    const acknowledged = new Map<string, number>();
    const refused: RpcFailure[] = [];
    {
      await using server = await startServer({ dataDir });
      using client = await RawClient.connect(server.address);
      let sent = 0;
      const over = new AbortController();
      const writers = Array.from({ length: 64 }, async () => {
        while (!over.signal.aborted) {
          const id = `e${sent++}`;
          try {
            const { endpoint } = await client.register({ endpoint: { service, id, addresses }, ttl: { seconds: 60n } });
            acknowledged.set(id, endpoint!.modRevision);
          } catch (error) {
            refused.push(rpcFailure(error));
            return;
          }
        }
      });
      await until('many writes are under way', () => acknowledged.size > 500);
      expect(await server.stop()).toEqual(GOOD_ORDER);
      over.abort();
      await within('every write was answered', Promise.all(writers));
    }
    // The transport answers those that came after the connection was told to go away.
    for (const { status } of refused) expect(status).toBe('UNAVAILABLE');

    await using server = await startServer({ dataDir });
    using client = await RawClient.connect(server.address);
    const watch = new ObservedWatch(client, { service });
    await watch.reach();
    for (const [id, revision] of acknowledged) expect(watch.view.get(id)?.modRevision).toBe(revision);
    // A write that was refused was not made.
    expect(watch.view.size).toBe(acknowledged.size);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
