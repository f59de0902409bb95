import { startInProcess } from '../../support/in-process-server.js';
import { ObservedWatch } from '../../support/observed-watch.js';
import { RawClient } from '../../support/raw-client.js';
import { startFaultProxy } from '../../support/fault-proxy.js';
import { until } from '../../support/until.js';

const addresses = [{ host: '10.0.0.1', port: 80 }];

test('a watcher that disappears without a FIN is found by keepalive, and its place is free', async () => {
  const settings = { 'keepalive-time': '1s', 'keepalive-timeout': '500ms', 'watches-max': '4' };
  await using server = await startInProcess({ settings });
  await using network = await startFaultProxy(server.address);
  using far = await RawClient.connect(network.address);
  using near = await RawClient.connect(server.address);
  const stays = new ObservedWatch(near, { service: 'payments' });
  const vanishing = ['payments', 'orders', 'users'].map((service) => new ObservedWatch(far, { service }));
  for (const watch of [stays, ...vanishing]) await watch.reach();
  expect(server.server.counts.watches).toBe(4);

  network.silence();
  // What is written to the dead in the meantime is written to the living too.
  for (let count = 0; count < 10; count++) {
    const { endpoint } = await near.register({ endpoint: { service: 'payments', id: `e${count}`, addresses } });
    await stays.reach(endpoint!.modRevision);
  }
  await until('the places are free', () => server.server.counts.watches === 1);
  expect(server.server.counts).toMatchObject({ topics: 1, stalled: 0 });
  for (const service of ['a', 'b', 'c']) await new ObservedWatch(near, { service }).reach();
});

test('a watcher whose connection is reset goes on elsewhere with what it has', async () => {
  await using server = await startInProcess();
  await using network = await startFaultProxy(server.address);
  using far = await RawClient.connect(network.address);
  using near = await RawClient.connect(server.address);
  await near.register({ endpoint: { service: 'payments', id: 'a', addresses } });
  const before = new ObservedWatch(far, { service: 'payments' });
  await before.reach();

  network.sever();
  expect((await before.ended()).status).toBe('UNAVAILABLE');
  await until('the place is free', () => server.server.counts.watches === 0);
  const { endpoint } = await near.register({ endpoint: { service: 'payments', id: 'b', addresses } });
  const after = new ObservedWatch(far, { service: 'payments' }, { from: before.position });
  await after.reach(endpoint!.modRevision);
  expect(after.messages).toMatchObject([{ kind: 'delta', upserted: ['b'] }]);
});

test('a watcher behind a network that was silent for a while, but not for too long, misses nothing', async () => {
  await using server = await startInProcess({ settings: { 'keepalive-time': '1h' } });
  await using network = await startFaultProxy(server.address);
  using far = await RawClient.connect(network.address);
  using near = await RawClient.connect(server.address);
  const watch = new ObservedWatch(far, { service: 'payments' });
  await watch.reach();
  network.silence();
  let revision = 0;
  for (let count = 0; count < 200; count++) {
    const { endpoint } = await near.register({ endpoint: { service: 'payments', id: `e${count % 20}`, addresses } });
    revision = endpoint!.modRevision;
  }
  network.restore();
  await watch.reach(revision);
  expect(watch.view.size).toBe(20);
  expect(watch.snapshots).toHaveLength(1);
});
