import { join } from 'node:path';
import { ObservedWatch } from '../support/observed-watch.js';
import { RawClient } from '../support/raw-client.js';
import { failure } from '../support/rpc-failure.js';
import { startServer } from '../support/server-process.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { until } from '../support/until.js';

jest.setTimeout(60_000);

const disk = mountSmallDisk(48 * 1024 * 1024);
if (disk === undefined) {
  process.stderr.write('\n*** SKIPPED: a server on a full disk. Only root may mount one. ***\n\n');
}
afterAll(() => disk?.[Symbol.dispose]());

const service = 'payments';
const addresses = [{ host: '10.0.0.1', port: 80 }];
const ttl = { seconds: 1n };
const FULL = { status: 'RESOURCE_EXHAUSTED', reason: 'STORE_FULL', domain: 'rollcall' };

(disk === undefined ? test.skip : test)(
  'a full disk refuses writes alone, keeps whoever renews, and heals when there is room again',
  async () => {
    const dataDir = join(disk!.path, 'data');
    const acknowledged = new Map<string, number>();
    {
      await using server = await startServer({ dataDir });
      using client = await RawClient.connect(server.address);
      const register = async (id: string, more: object = {}) => {
        const answer = await client.register({ endpoint: { service, id, addresses, ...more }, ttl: { seconds: 600n } });
        acknowledged.set(id, answer.endpoint!.modRevision);
        return answer;
      };
      const kept = await register('kept');
      const { leaseId } = await client.register({ endpoint: { service, id: 'renewed', addresses }, ttl });
      await client.register({ endpoint: { service, id: 'dies', addresses }, ttl });
      const watch = new ObservedWatch(client, { service });
      await watch.reach();
      const renewing = setInterval(() => void client.renew(leaseId).catch(() => undefined), 200);

      try {
        disk!.leave(0);
        const update = { endpoint: { service, id: 'kept', weight: 1 }, updateMask: ['weight'], leaseId: kept.leaseId };
        expect(await failure(client.register({ endpoint: { service, id: 'new', addresses } }))).toMatchObject(FULL);
        expect(await failure(client.update(update))).toMatchObject(FULL);
        const deregister = { service, endpointId: 'kept', leaseId: kept.leaseId };
        expect(await failure(client.deregister(deregister))).toMatchObject(FULL);

        // For three of its TTLs one lease is renewed, and the lapse of the other waits to be written.
        const fullSinceMs = performance.now();
        await until('three TTLs have passed', async () => {
          const { results } = await client.renew(leaseId);
          expect(results[0]?.found).toBe(true);
          expect(await failure(client.register({ endpoint: { service, id: 'new', addresses } }))).toMatchObject(FULL);
          const { endpoints } = await client.listEndpoints({ service });
          expect(endpoints.map(({ id }) => id)).toEqual(['dies', 'kept', 'renewed']);
          return performance.now() - fullSinceMs > 3_000;
        });
        const another = new ObservedWatch(client, { service });
        await another.reach();
        expect(another.view).toEqual(watch.view);

        disk!.clear();
        await until('writes are taken again', () =>
          register('after').then(
            () => true,
            () => false,
          ),
        );
        await watch.until('the lapse was written', ({ view }) => view.has('after') && !view.has('dies'));
        expect([...watch.view.keys()].sort()).toEqual(['after', 'kept', 'renewed']);
        expect(watch.snapshots).toHaveLength(1);
        expect(watch.view.get('kept')?.modRevision).toBe(kept.endpoint!.modRevision);

        // And once more, by writes that fill it themselves.
        disk!.leave(16 * 1024 * 1024);
        const metadata = Object.fromEntries(['a', 'b', 'c'].map((key) => [key, 'x'.repeat(16_000)]));
        const fill = async () => {
          for (let id = 0; id < 1_000; id++) await register(`large${id}`, { metadata });
        };
        expect(await failure(fill())).toMatchObject(FULL);
        expect((await client.renew(leaseId)).results[0]?.found).toBe(true);
      } finally {
        clearInterval(renewing);
      }
      await server.stop('SIGKILL');
    }

    disk!.clear();
    await using server = await startServer({ dataDir });
    using client = await RawClient.connect(server.address);
    const watch = new ObservedWatch(client, { service });
    await watch.reach();
    for (const [id, revision] of acknowledged) expect([id, watch.view.get(id)?.modRevision]).toEqual([id, revision]);
  },
);
