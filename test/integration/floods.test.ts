import { startInProcess, type InProcessServer } from '../support/in-process-server.js';
import { ObservedWatch } from '../support/observed-watch.js';
import { RawClient } from '../support/raw-client.js';
import { failure, type RpcFailure } from '../support/rpc-failure.js';
import { until } from '../support/until.js';

jest.setTimeout(60_000);

let server: InProcessServer;
let client: RawClient;

beforeEach(async () => {
  server = await startInProcess({ settings: { 'watches-per-connection-max': '20000' } });
  client = await RawClient.connect(server.address);
});

afterEach(async () => {
  client[Symbol.dispose]();
  await until('no watch was left behind', () => server.server.counts.watches === 0);
  expect(server.server.counts).toMatchObject({ topics: 0, stalled: 0 });
  await server[Symbol.asyncDispose]();
});

const addresses = [{ host: '10.0.0.1', port: 80 }];

test('ten thousand requests at once from one connection, good and bad, are all answered', async () => {
  const refused: RpcFailure[] = [];
  const calls = Array.from({ length: 10_000 }, async (_, index) => {
    if (index % 10 === 9) refused.push(await failure(client.deregister({ service: 'a' })));
    else if (index % 2 === 1) await client.renew(BigInt(index));
    else await client.register({ endpoint: { service: `s${index % 100}`, id: `e${index}`, addresses } });
  });
  await Promise.all(calls);
  expect(server.server.counts.endpoints).toBe(5_000);
  expect(refused).toHaveLength(1_000);
  for (const { reason } of refused) expect(reason).toBe('INVALID_FIELD');
});

test('watches that are opened and cancelled by the thousand leave nothing behind', async () => {
  // More resets at once on one connection, and HTTP/2 itself takes it for an attack and closes the connection.
  const watchesPerConnection = 900;
  for (let round = 0; round < 5; round++) {
    using other = await RawClient.connect(server.address);
    const watches = Array.from(
      { length: watchesPerConnection },
      (_, index) => new ObservedWatch(other, { service: `s${index % 10}` }),
    );
    // In some rounds most have not had their first message when they are cancelled.
    await until('some are open', () => server.server.counts.watches > round * 200);
    for (const watch of watches) watch.cancel();
    await until('all are gone', () => server.server.counts.watches === 0);
  }
  expect(server.server.counts).toMatchObject({ watches: 0, topics: 0, stalled: 0 });
});

test('a connection that cancels calls by the thousand at once is closed, and harms only itself', async () => {
  using other = await RawClient.connect(server.address);
  const bystander = new ObservedWatch(client, { service: 'a' });
  const watches = Array.from({ length: 1_500 }, () => new ObservedWatch(other, { service: 'a' }));
  const last = watches.pop()!;
  for (const watch of [bystander, last, ...watches]) await watch.reach();
  for (const watch of watches) watch.cancel();
  await last.ended();
  await until('only the bystander is left', () => server.server.counts.watches === 1);
  const { endpoint } = await client.register({ endpoint: { service: 'a', id: 'a', addresses } });
  await bystander.reach(endpoint!.modRevision);
  expect(bystander.view.get('a')).toEqual(endpoint);
});

test('a KeepAlive stream that sends and never reads is not read any more, and harms nobody', async () => {
  const { leaseId } = await client.register({ endpoint: { service: 'a', id: 'a', addresses } });
  const flood = client.keepAlive();
  flood.pause();
  const leaseIds = Array.from({ length: 1_000 }, () => leaseId);
  let sent = 0;
  const sending = new Promise<void>((resolve) => {
    flood.on('error', () => resolve());
    const send = () => {
      while (!flood.destroyed && sent < 100_000) {
        sent++;
        if (!flood.write({ leaseIds })) return void flood.once('drain', send);
      }
    };
    send();
  });
  let before = -1;
  await until('the server reads no more', async () => {
    const stopped = sent === before;
    before = sent;
    // Ten calls of another connection: time enough for a server that would still read.
    using other = await RawClient.connect(server.address);
    for (let call = 0; call < 10; call++) expect((await other.renew(leaseId)).results[0]?.found).toBe(true);
    return stopped;
  });
  // Each message is 9 kB or so; without the window there would be 100,000 of them.
  expect(sent).toBeLessThan(1_000);
  flood.cancel();
  flood.resume();
  await sending;
});
