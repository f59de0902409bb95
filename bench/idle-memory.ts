import type { Figures } from './measure/figures.js';
import type { Program, Run } from './measure/program.js';
import { settledMemory } from './measure/settled-memory.js';
import { connectMany } from './subject/connect-many.js';
import { fillService } from './subject/fill-service.js';
import { WatcherGroup } from './subject/watcher-group.js';

const SERVICE = 'idle-memory';

const parameters = {
  /** Opened first; they, and what the server needs but once, are not counted. */
  watchesBefore: 1_000,
  /** Opened then. What the server's memory grows by is theirs. */
  watches: 2_000,
  endpoints: 10,
  bytes: 200,
};

/** What an idle watch holds of the server's memory: all of them on one connection, and each on a connection of its own. */
export default {
  name: 'idle-memory',
  parameters,
  quick: { watchesBefore: 200, watches: 500 },
  measure: async (run, load) => ({
    onOneConnection: await idleMemory(run, { ...load, connectionEach: false }),
    onAConnectionEach: await idleMemory(run, { ...load, connectionEach: true }),
  }),
} satisfies Program<typeof parameters>;

async function idleMemory(run: Run, load: typeof parameters & { readonly connectionEach: boolean }): Promise<Figures> {
  await using subject = await run.start();
  const shared = await subject.connect();
  await fillService(shared, { service: SERVICE, count: load.endpoints, bytes: load.bytes });
  const open = async (count: number) => {
    const connections = load.connectionEach ? await connectMany(subject, count) : [shared];
    await WatcherGroup.open(connections, { service: SERVICE, perConnection: count / connections.length });
  };

  await open(load.watchesBefore);
  const before = await settledMemory(subject);
  await open(load.watches);
  const after = await settledMemory(subject);
  return {
    rssKiBAWatch: (after.rss - before.rss) / load.watches,
    liveKiBAWatch: (after.live - before.live) / load.watches,
    rssMiB: after.rss / 1_024,
  };
}
