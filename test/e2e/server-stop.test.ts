import { RollcallClient } from '../../src/client/index.js';
import { ObservedWatch } from '../support/observed-watch.js';
import { RawClient } from '../support/raw-client.js';
import { startServer } from '../support/server-process.js';

const TTL_MS = 1_000;
const ENDPOINTS = 20;

test('a SIGSTOP of the server for three TTLs expires nobody who was renewing, and those who were not expire after it', async () => {
  await using server = await startServer();
  await using client = new RollcallClient({ servers: [server.address] });
  using raw = await RawClient.connect(server.address);
  const addresses = ['10.0.0.1:80'];
  const ids = Array.from({ length: ENDPOINTS }, (_, index) => `renewing-${index}`);
  await Promise.all(ids.map((id) => client.register({ service: 'payments', id, addresses }, { ttlMs: TTL_MS })));
  const dead = { service: 'payments', id: 'dead', addresses: [{ host: '10.0.0.2', port: 80 }] };
  await raw.register({ endpoint: dead, ttl: { seconds: BigInt(TTL_MS / 1_000), nanos: 0 } });
  const watch = new ObservedWatch(raw, { service: 'payments' });
  await watch.reach();
  const registered = new Map([...watch.view].map(([id, { createRevision }]) => [id, createRevision]));
  expect(registered.size).toBe(ENDPOINTS + 1);

  server.signal('SIGSTOP');
  // The stop itself is what is tested; there is nothing to wait for but its length.
  await new Promise((resolve) => setTimeout(resolve, 3 * TTL_MS));
  server.signal('SIGCONT');

  // The one that nobody renews still had its time to be renewed in, and then goes: time goes on.
  await watch.until('the dead endpoint expired', ({ view }) => !view.has('dead'));
  for (const id of ids) expect(watch.view.get(id)?.createRevision).toBe(registered.get(id));
  expect(watch.messages.flatMap(({ removed }) => removed.map(({ endpointId }) => endpointId))).toEqual(['dead']);
  expect(watch.end).toBeUndefined();
});
