import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ViewDirectory } from '../../src/client/view/view-directory.js';
import { systemClock } from '../../src/lib/clock.js';
import { printed, runModule, startModule } from '../support/command-process.js';
import { startServer } from '../support/server-process.js';
import { until } from '../support/until.js';

// Real processes, on a machine that may be busy with others.
jest.setTimeout(60_000);

const dist = (file: string): string => JSON.stringify(join(process.cwd(), 'dist', file));

let cacheDir: string;
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'rollcall-views-'));
});
afterEach(() => rm(cacheDir, { recursive: true, force: true }));

/** Writes views of one endpoint and of a thousand, in turn, as fast as it can. */
const writer = (directory: string): string => `
  import { ViewDirectory } from ${dist('client/view/view-directory.js')};
  import { systemClock } from ${dist('lib/clock.js')};
  import { PersistentMap } from ${dist('lib/persistent-map.js')};
  import { Endpoint } from ${dist('gen/rollcall/v1/endpoint.js')};
  const target = { namespace: 'default', service: 'payments', selector: undefined, selectorKey: '' };
  const viewOf = (count) => {
    const ids = Array.from({ length: count }, (_, index) => 'endpoint-' + index);
    const endpoints = PersistentMap.empty().with(new Map(ids.map((id) => [id, Endpoint.fromPartial({ id })])));
    return { kind: 'synced', resumeToken: 't', revision: count, digest: 0n, endpoints, assembly: undefined };
  };
  const views = [viewOf(1), viewOf(1000)];
  const files = new ViewDirectory(${JSON.stringify(directory)}, systemClock);
  for (let written = 0; ; written++) {
    await files.write(target, { view: views[written % 2], confirmedWallMs: Date.now() });
    if (written === 1) console.log('writing');
  }
`;

describe('the file of a last known view', () => {
  it('is whole whenever it is read, while processes write it and after they were killed', async () => {
    const target = { namespace: 'default', service: 'payments', selector: undefined, selectorKey: '' };
    const files = new ViewDirectory(cacheDir, systemClock);
    const sizes = new Set<number>();
    const read = async (): Promise<void> => {
      const file = await files.read(target);
      expect(file?.view.endpoints.size).toBe(file?.view.revision);
      sizes.add(file?.view.revision ?? 0);
    };
    for (let round = 0; round < 3; round++) {
      await using one = startModule(writer(cacheDir));
      await using other = startModule(writer(cacheDir));
      for (const each of [one, other]) await printed(each, /writing/);
      for (let reads = 0; reads < 200; reads++) await read();
      one.signal('SIGKILL');
      other.signal('SIGKILL');
      await Promise.all([one.ended, other.ended]);
      await read();
    }
    expect(sizes).toEqual(new Set([1, 1000]));
  });

  it('is what a process starts with whose control plane is down, within a second or so, after its forerunner was killed', async () => {
    const source = `
      import { RollcallClient } from ${dist('client/index.js')};
      const client = new RollcallClient({ cacheDir: ${JSON.stringify(cacheDir)} });
      const view = client.watch('payments');
      for await (const event of view.changes()) {
        if (event.type !== 'status') continue;
        const ids = view.current().endpoints?.map(({ id }) => id).join();
        console.log(event.status, ids, Math.round(performance.now()));
      }
    `;
    const dataDir = join(cacheDir, 'server');
    await using server = await startServer({ dataDir });
    const { address } = server;
    await using owner = startModule(
      `
        import { RollcallClient } from ${dist('client/index.js')};
        await new RollcallClient().register({ service: 'payments', id: 'a', addresses: ['10.0.0.7:80'] }, { ttlMs: 600000 });
        console.log('registered');
      `,
      { server: address },
    );
    await printed(owner, /registered/);
    {
      await using first = startModule(source, { server: address });
      await printed(first, /live a/);
      await until('there is a file', async () => (await readdir(cacheDir)).some((name) => name.endsWith('.json')));
      first.signal('SIGKILL');
      await first.ended;
    }
    await server.stop('SIGKILL');

    await using second = startModule(source, { server: address });
    const [, ms] = await printed(second, /^last-known-good a (\d+)$/m);
    // A second, and the time that the process takes to start on a busy machine.
    expect(Number(ms)).toBeLessThan(6_000);
    await using back = await startServer({ listen: address, dataDir });
    expect(back.address).toBe(address);
    await printed(second, /^live a \d+$/m);
    expect(second.stdout().replace(/ \d+$/gm, '')).toBe('unknown undefined\nlast-known-good a\nlive a\n');
  });

  it('is written before a client is closed, whose process then ends by itself', async () => {
    await using server = await startServer();
    const ended = await runModule(
      `
        import { RollcallClient } from ${dist('client/index.js')};
        const client = new RollcallClient({ cacheDir: ${JSON.stringify(cacheDir)} });
        await client.watch('payments').ready;
        await client.close();
      `,
      { server: server.address },
    );
    expect(ended).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    const target = { namespace: 'default', service: 'payments', selector: undefined, selectorKey: '' };
    expect((await new ViewDirectory(cacheDir, systemClock).read(target))?.view.endpoints.size).toBe(0);
  });
});
