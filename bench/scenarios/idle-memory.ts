import type { Figures } from '../measure/figures.js';
import type { Run } from '../measure/program.js';
import { settledRssKiB } from '../measure/settled-rss.js';
import { ratioAtMost, type Scenario } from '../side-by-side/scenario.js';
import { connectMany } from '../subject/connect-many.js';
import { fillService } from '../subject/fill-service.js';
import { WatcherGroup } from '../subject/watcher-group.js';

const SERVICE = 'idle-memory';

const parameters = {
  /** Opened first; they, and what the server needs but once, are not counted. */
  watchesBefore: 1_000,
  /** Opened then. What the server's memory grows by is theirs. */
  watches: 2_000,
  endpoints: 10,
  bytes: 200,
  /** For so long the server is left alone before its memory is looked at. */
  settleSeconds: 3,
};

const KINDS = [
  { figure: 'spread', label: 'a connection each', connectionEach: true, streamEach: false },
  {
    figure: 'dense',
    label: 'on one connection and one stream',
    connectionEach: false,
    streamEach: false,
  },
  { figure: 'denseStreamEach', label: 'on one connection, a stream each', connectionEach: false, streamEach: true },
];

/** What an idle watch holds of the server's memory: each on a connection of its own, and all of them on one. */
export default {
  name: 'idle-memory',
  parameters,
  quick: { watchesBefore: 200, watches: 500, settleSeconds: 0.2 },
  rows: KINDS.flatMap(({ figure, label }) => [
    { figure: `${figure}.rssKiBAWatch`, label: `an idle watch, ${label}`, unit: 'KiB', mark: ratioAtMost(0.45) },
    { figure: `${figure}.rssMiB`, label: `the server with all of them, ${label}`, unit: 'MiB' },
  ]),
  measure: async (run, load) => {
    const figures: Record<string, Figures> = {};
    for (const { figure, ...kind } of KINDS) figures[figure] = await idleMemory(run, { ...load, ...kind });
    return figures;
  },
} satisfies Scenario<typeof parameters>;

async function idleMemory(
  run: Run,
  { streamEach, ...load }: typeof parameters & { readonly connectionEach: boolean; readonly streamEach: boolean },
): Promise<Figures> {
  await using subject = await run.start({ streamEach });
  const shared = await subject.connect();
  await fillService(shared, { service: SERVICE, count: load.endpoints, bytes: load.bytes });
  const open = async (count: number) => {
    const connections = load.connectionEach ? await connectMany(subject, count) : [shared];
    await WatcherGroup.open(connections, { service: SERVICE, perConnection: count / connections.length });
  };

  await open(load.watchesBefore);
  const before = await settledRssKiB(subject, load.settleSeconds);
  await open(load.watches);
  const after = await settledRssKiB(subject, load.settleSeconds);
  return {
    rssKiBAWatch: (after - before) / load.watches,
    rssMiB: after / 1_024,
  };
}
