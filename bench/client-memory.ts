import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { RawClient } from '../test/support/raw-client.js';
import { cleanEnv, startServer } from '../test/support/server-process.js';
import type { ClientMemory, Watched, WatchOrder } from './client-memory-watcher.js';
import type { Figures } from './measure/figures.js';
import type { Program } from './measure/program.js';

/** Registrations under way at once. */
const CALLERS = 64;

const parameters = {
  services: 100,
  endpointsFew: 10,
  endpointsMany: 100,
};

/** What the views of a process that watches many services hold of its memory. */
export default {
  name: 'client-memory',
  parameters,
  quick: { endpointsMany: 20 },
  async measure(run, { services, endpointsFew, endpointsMany }): Promise<Figures> {
    await using server = await startServer({ dataDir: mkdtempSync(join(run.dataDir, 'server-')) });
    const measure = async (endpoints: number): Promise<Figures> => {
      const names = Array.from({ length: services }, (_, index) => `service-${endpoints}-${index}`);
      await fill(server.address, names, endpoints);
      return await memoryOf(server.address, names, services * endpoints);
    };
    return { few: await measure(endpointsFew), many: await measure(endpointsMany) };
  },
} satisfies Program<typeof parameters>;

/** A client of its own, before it watches the services (but one, that is empty) and while it does. */
async function memoryOf(address: string, services: readonly string[], endpoints: number): Promise<Figures> {
  const watcher = fork(new URL('client-memory-watcher.js', import.meta.url), {
    env: { ...cleanEnv(), ROLLCALL_SERVER: address },
    execArgv: ['--expose-gc'],
  });
  const ended = once(watcher, 'exit').then(([code]) => {
    throw new Error(`the client ended with ${String(code)}`);
  });
  ended.catch(() => undefined);
  const ask = async <Answer>(order: WatchOrder | 'tell'): Promise<Answer> => {
    watcher.send(order);
    const [answer] = (await Promise.race([once(watcher, 'message'), ended])) as [Answer];
    return answer;
  };
  try {
    await ask<Watched>({ watch: ['nobody'] });
    const before = await ask<ClientMemory>('tell');
    const watched = await ask<Watched>({ watch: services });
    if (watched.endpoints !== endpoints) throw new Error(`the views have ${watched.endpoints} endpoints`);
    const after = await ask<ClientMemory>('tell');
    return {
      rssMiB: after.rss / 1_024,
      rssGrowthMiB: (after.rss - before.rss) / 1_024,
      liveMiB: after.live / 1_024,
      liveKiBAService: (after.live - before.live) / services.length,
      liveBytesAnEndpoint: ((after.live - before.live) * 1_024) / endpoints,
    };
  } finally {
    watcher.disconnect();
  }
}

/** Registers endpoints with a zone, a label and some metadata: about 200 bytes each on the wire. */
async function fill(address: string, services: readonly string[], endpoints: number): Promise<void> {
  using client = await RawClient.connect(address);
  const names = services.flatMap((service) => Array.from({ length: endpoints }, (_, index) => ({ service, index })));
  const rest = names.values();
  const caller = async (): Promise<void> => {
    for (const { service, index } of rest) {
      const endpoint = {
        service,
        id: `${service}-endpoint-${index}`,
        addresses: [{ host: `10.1.${index >> 8}.${index & 255}`, port: 8080 }],
        locality: { region: 'eu', zone: `eu-${index % 3}` },
        labels: { version: 'v1' },
        metadata: { commit: '0123456789abcdef0123456789abcdef01234567' },
      };
      await client.register({ endpoint, ttl: { seconds: 3_600, nanos: 0 } });
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}
