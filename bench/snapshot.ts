import { cpuSince } from './measure/cpu-since.js';
import type { Figures } from './measure/figures.js';
import { memoryKiB } from './measure/process-usage.js';
import type { Program } from './measure/program.js';
import { connectMany } from './subject/connect-many.js';
import { fillService } from './subject/fill-service.js';
import { readView } from './subject/read-view.js';
import type { Connection, MessageKind } from './subject/subject.js';

const SERVICE = 'snapshot';

const parameters = { endpoints: 10_000, bytes: 200, watchers: 2_000, watchesAConnection: 100 };

/** The first view of a large service to many watchers at once, and one change after it. */
export default {
  name: 'snapshot',
  parameters,
  quick: { endpoints: 2_000, watchers: 500 },
  measure: async (run, load) => {
    await using subject = await run.start();
    const writer = await subject.connect();
    const [endpoint] = await fillService(writer, { service: SERVICE, count: load.endpoints, bytes: load.bytes });
    const expected = await readView(subject, { connection: writer, service: SERVICE, endpoints: load.endpoints });
    const connections = await connectMany(subject, load.watchers / load.watchesAConnection);
    const rssBefore = memoryKiB(subject.pids).rss;

    const cpu = cpuSince(subject);
    const startMs = performance.now();
    const watchers = connections.flatMap((connection) =>
      Array.from({ length: load.watchesAConnection }, () => watchExactly(connection, expected)),
    );
    await Promise.all(watchers.map((watcher) => watcher.hasView));
    const ms = performance.now() - startMs;
    const { serverMicros, driverMicros } = cpu();

    const changedMs = performance.now();
    await endpoint!.change();
    await Promise.all(watchers.map((watcher) => watcher.hasChange));
    const changeMs = performance.now() - changedMs;
    const { rssPeak } = memoryKiB(subject.pids);
    for (const connection of [writer, ...connections]) connection.close();

    const bytes = expected.reduce((sum, message) => sum + message.length, 0);
    return {
      msUntilAllExact: ms,
      serverCpuMs: serverMicros / 1_000,
      serverCpuMicrosAWatcher: serverMicros / load.watchers,
      driverCpuMs: driverMicros / 1_000,
      MiBASecond: (bytes * load.watchers) / 2 ** 20 / (ms / 1_000),
      messagesAWatcher: expected.length,
      largestMessageBytes: Math.max(...expected.map((message) => message.length)),
      bytesAWatcher: bytes,
      rssBeforeMiB: rssBefore / 1_024,
      rssPeakMiB: rssPeak / 1_024,
      changeMsUntilAllHaveIt: changeMs,
    } satisfies Figures;
  },
} satisfies Program<typeof parameters>;

interface ExactWatcher {
  readonly hasView: Promise<void>;
  readonly hasChange: Promise<void>;
}

/** A watch whose first view must be, byte for byte, the one that was checked; nothing changes meanwhile. */
function watchExactly(connection: Connection, expected: readonly Buffer[]): ExactWatcher {
  const resolvers = new Map<MessageKind, () => void>();
  const first = (kind: MessageKind) => new Promise<void>((resolve) => resolvers.set(kind, resolve));
  const watcher = { hasView: first('view'), hasChange: first('change') };
  let received = 0;
  connection.watch(SERVICE, {
    onMessage: ({ kind, bytes }) => {
      const isView = kind === 'part' || kind === 'view';
      if (isView && expected[received++]?.equals(bytes) !== true)
        throw new Error('a view that is not the one expected');
      resolvers.get(kind)?.();
    },
    onEnd: (error) => {
      throw error;
    },
  });
  return watcher;
}
