import { cpuSince } from '../measure/cpu-since.js';
import type { Figures } from '../measure/figures.js';
import { paced } from '../measure/paced.js';
import { ratioAtMost, type Scenario } from '../side-by-side/scenario.js';
import { connectMany } from '../subject/connect-many.js';
import { readView } from '../subject/read-view.js';
import { warmUp } from '../subject/warm-up.js';
import { WatcherGroup } from '../subject/watcher-group.js';

const SERVICE = 'burst';

const parameters = { registrations: 1_000, aSecond: 1_000, writers: 16, watchers: 500, bytes: 200 };

/** A service that comes up at once while many watch it, a connection each. */
export default {
  name: 'burst',
  parameters,
  quick: { registrations: 200, watchers: 100 },
  rows: [
    { figure: 'serverCpuMs', label: 'server CPU in all', unit: 'ms', mark: ratioAtMost(0.25) },
    { figure: 'msUntilAllExact', label: 'until all views are exact', unit: 'ms', mark: ratioAtMost(0.5) },
    { figure: 'messagesAWatcher', label: 'messages a watcher', unit: '' },
    { figure: 'receivedMiB', label: 'sent to watchers', unit: 'MiB' },
  ],
  measure: async (run, load): Promise<Figures> => {
    await using subject = await run.start();
    await warmUp(subject);
    const writers = await connectMany(subject, load.writers);
    const connections = await connectMany(subject, load.watchers);
    let messages = 0;
    const watchers = await WatcherGroup.open(connections, {
      service: SERVICE,
      perConnection: 1,
      onMessage: ({ kind }) => kind === 'change' && messages++,
    });
    const received = () => connections.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
    const receivedBefore = received();

    const cpu = cpuSince(subject);
    const startMs = performance.now();
    const registrations = await paced({ count: load.registrations, aSecond: load.aSecond }, (index) =>
      writers[index % writers.length]!.register({ service: SERVICE, id: `endpoint-${index}`, bytes: load.bytes }),
    );
    const msUntilAcknowledged = performance.now() - startMs;
    await watchers.reach(Math.max(...registrations.map(({ revision }) => revision)));
    const ms = performance.now() - startMs;
    const { serverMicros, driverMicros } = cpu();

    await readView(subject, { connection: writers[0]!, service: SERVICE, endpoints: load.registrations });
    const receivedMiB = (received() - receivedBefore) / 2 ** 20;
    for (const connection of [...writers, ...connections]) connection.close();
    return {
      serverCpuMs: serverMicros / 1_000,
      driverCpuMs: driverMicros / 1_000,
      msUntilAllExact: ms,
      msUntilAcknowledged,
      messagesAWatcher: messages / load.watchers,
      receivedMiB,
    };
  },
} satisfies Scenario<typeof parameters>;
