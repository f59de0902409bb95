import type { Figures } from './measure/figures.js';
import { Latency } from './measure/latency.js';
import { memoryKiB } from './measure/process-usage.js';
import type { Program, Run } from './measure/program.js';
import { settledMemory } from './measure/settled-memory.js';
import { connectMany } from './subject/connect-many.js';
import { fillService } from './subject/fill-service.js';
import type { Connection, Registration, Watch } from './subject/subject.js';
import { WatcherGroup } from './subject/watcher-group.js';

const SERVICE = 'slow-readers';

const WARM_UP_CHANGES = 50;

const parameters = {
  endpoints: 10_000,
  bytes: 200,
  readers: 500,
  slow: 500,
  watchesAConnection: 20,
  /** One at a time, each seen by all that read before the next. */
  changes: 500,
};

/**
 * What the server holds for watchers that read nothing while changes go on, and
 * what the others notice of them: some that never read, not even their first
 * view, and some that had it and then stopped.
 */
export default {
  name: 'slow-readers',
  parameters,
  quick: { endpoints: 2_000, readers: 100, slow: 100, changes: 100 },
  measure: async (run, load) => ({
    thatNeverRead: await slowReaders(run, load, openUnread),
    thatStopped: await slowReaders(run, load, openAndStop),
  }),
} satisfies Program<typeof parameters>;

type OpenSlow = (connection: Connection, perConnection: number) => Promise<readonly Watch[]>;

async function slowReaders(run: Run, load: typeof parameters, openSlow: OpenSlow): Promise<Figures> {
  await using subject = await run.start();
  const writer = await subject.connect();
  const { endpoints: count, bytes, watchesAConnection: perConnection } = load;
  const endpoints = await fillService(writer, { service: SERVICE, count, bytes });
  const change = changeInTurn(endpoints);
  const readerConnections = await connectMany(subject, load.readers / perConnection);
  const readers = await WatcherGroup.open(readerConnections, { service: SERVICE, perConnection });
  const changeAll = async (changes: number) => {
    const latency = new Latency();
    for (let index = 0; index < changes; index++) {
      const sentMs = performance.now();
      await readers.see(change, () => latency.addSince(sentMs));
    }
    return latency.figures;
  };
  await changeAll(WARM_UP_CHANGES);
  const withoutSlow = await changeAll(load.changes);
  const before = await settledMemory(subject);

  const slowConnections = await connectMany(subject, load.slow / perConnection);
  for (const connection of slowConnections) {
    await openSlow(connection, perConnection);
    // So that those on the next connection begin at another revision, and share nothing with these.
    await readers.see(change);
  }
  const opened = await settledMemory(subject);
  const withSlow = await changeAll(load.changes);
  const after = await settledMemory(subject);
  const { rssPeak } = memoryKiB(subject.pids);
  for (const connection of [writer, ...readerConnections, ...slowConnections]) connection.close();
  return {
    withoutSlow,
    withSlow,
    liveKiBASlowWatcher: (after.live - before.live) / load.slow,
    liveGrowthMiB: (after.live - before.live) / 1_024,
    liveGrowthBeforeChangesMiB: (opened.live - before.live) / 1_024,
    rssGrowthMiB: (after.rss - before.rss) / 1_024,
    rssPeakMiB: rssPeak / 1_024,
  };
}

/** Changes one endpoint after another. */
function changeInTurn(endpoints: readonly Registration[]): () => Promise<void> {
  let next = 0;
  return () => endpoints[next++ % endpoints.length]!.change();
}

/** Watches of which nothing is ever read. */
const openUnread: OpenSlow = async (connection, count) => {
  const watches = Array.from({ length: count }, () =>
    connection.watch(SERVICE, { onMessage: () => undefined, onEnd: failed }),
  );
  for (const watch of watches) watch.pause();
  await Promise.all(watches.map((watch) => watch.answered));
  return watches;
};

/** Watches that are read until they have their first view, and then no more. */
const openAndStop: OpenSlow = async (connection, perConnection) => {
  const { watches } = await WatcherGroup.open([connection], { service: SERVICE, perConnection });
  for (const watch of watches) watch.pause();
  return watches;
};

function failed(error: Error): void {
  throw error;
}
