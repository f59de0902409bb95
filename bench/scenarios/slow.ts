import type { Figures } from '../measure/figures.js';
import { paced } from '../measure/paced.js';
import { memoryKiB } from '../measure/process-usage.js';
import { Propagation } from '../measure/propagation.js';
import { settledRssKiB } from '../measure/settled-rss.js';
import { ratioAtMost, rollcallAtMost, type Scenario } from '../side-by-side/scenario.js';
import { connectMany } from '../subject/connect-many.js';
import { fillService } from '../subject/fill-service.js';
import { warmUp } from '../subject/warm-up.js';
import { WatcherGroup } from '../subject/watcher-group.js';

const SERVICE = 'slow';

const parameters = {
  endpoints: 1_000,
  bytes: 200,
  readers: 100,
  slow: 500,
  changesASecond: 200,
  /** Before each measurement; by then, what a slow watcher is sent without reading has been sent. */
  beforeSeconds: 5,
  seconds: 30,
  settleSeconds: 3,
};

/**
 * Watchers that had their view and then read nothing more, while changes go on
 * whether or not anyone keeps up: what the server holds for them, and what those
 * notice that read. Each has a connection of its own. First without them, as the
 * history of changes takes memory too.
 */
export default {
  name: 'slow',
  parameters,
  quick: { endpoints: 200, readers: 20, slow: 100, beforeSeconds: 1, seconds: 2, settleSeconds: 0.2 },
  rows: [
    {
      figure: 'withSlow.rssGrowthMiB',
      label: 'growth of RSS while many do not read',
      unit: 'MiB',
      mark: ratioAtMost(0.5),
    },
    {
      figure: 'p99OverWithout',
      label: 'p99 of the others, over that without them',
      unit: '×',
      mark: rollcallAtMost(1.2),
    },
    { figure: 'withoutSlow.rssGrowthMiB', label: 'growth of RSS before there are any', unit: 'MiB' },
    { figure: 'withSlow.p99Ms', label: 'p99 of the others', unit: 'ms' },
    { figure: 'withoutSlow.p99Ms', label: 'p99 before there are any', unit: 'ms' },
  ],
  measure: async (run, load): Promise<Figures> => {
    await using subject = await run.start();
    const writer = await subject.connect();
    const endpoints = await fillService(writer, { service: SERVICE, count: load.endpoints, bytes: load.bytes });
    const readerConnections = await connectMany(subject, load.readers);
    let propagation = new Propagation(load.readers);
    const readers = await WatcherGroup.open(readerConnections, {
      service: SERVICE,
      perConnection: 1,
      onMessage: ({ kind, revision }, watch) => kind === 'change' && propagation.arrived(watch, revision),
    });
    const changeFor = async (seconds: number) => {
      propagation = new Propagation(load.readers);
      const changes = { count: seconds * load.changesASecond, aSecond: load.changesASecond };
      const revisions = await paced(changes, async (index) => {
        const sentMs = performance.now();
        const revision = await endpoints[index % endpoints.length]!.change();
        propagation.sent(revision, sentMs);
        return revision;
      });
      await readers.reach(Math.max(...revisions));
      return propagation.figures;
    };
    const measureChanges = async () => {
      const before = await settledRssKiB(subject, load.settleSeconds);
      await changeFor(load.beforeSeconds);
      const latency = await changeFor(load.seconds);
      const after = await settledRssKiB(subject, load.settleSeconds);
      return { ...latency, rssGrowthMiB: (after - before) / 1_024, rssMiB: after / 1_024 };
    };

    await warmUp(subject);
    const withoutSlow = await measureChanges();
    const slowConnections = await connectMany(subject, load.slow);
    const slow = await WatcherGroup.open(slowConnections, { service: SERVICE, perConnection: 1 });
    for (const watch of slow.watches) watch.pause();
    const withSlow = await measureChanges();
    const { rssPeak } = memoryKiB(subject.pids);
    for (const connection of [writer, ...readerConnections, ...slowConnections]) connection.close();
    return { withoutSlow, withSlow, p99OverWithout: withSlow.p99Ms / withoutSlow.p99Ms, rssPeakMiB: rssPeak / 1_024 };
  },
} satisfies Scenario<typeof parameters>;
