import { cpuSince } from '../measure/cpu-since.js';
import type { Figures } from '../measure/figures.js';
import { ratioAtMost, rollcallAtMost, type Scenario } from '../side-by-side/scenario.js';
import { connectMany } from '../subject/connect-many.js';
import { fillService } from '../subject/fill-service.js';
import type { Connection } from '../subject/subject.js';
import { WatcherGroup } from '../subject/watcher-group.js';

const SERVICE = 'herd';

const parameters = { watchers: 2_000, endpoints: 1_000, changesMeanwhile: 10, bytes: 200 };

/**
 * The server is killed and starts again; its watchers, a connection each, all
 * come back at the same moment and go on from where they were, a few changes ago.
 */
export default {
  name: 'herd',
  parameters,
  quick: { watchers: 200, endpoints: 200 },
  rows: [
    {
      figure: 'shareOfSnapshots',
      label: 'bytes sent, as a share of all snapshots',
      unit: '',
      mark: rollcallAtMost(0.05),
    },
    { figure: 'msUntilAllExact', label: 'until all are exact', unit: 'ms', mark: ratioAtMost(1) },
    { figure: 'serverCpuMs', label: 'server CPU for all that come back', unit: 'ms', mark: ratioAtMost(1) },
    { figure: 'receivedMiB', label: 'bytes sent', unit: 'MiB' },
  ],
  measure: async (run, load): Promise<Figures> => {
    await using subject = await run.start();
    const writer = await subject.connect();
    await fillService(writer, { service: SERVICE, count: load.endpoints, bytes: load.bytes });
    const connections = await connectMany(subject, load.watchers);
    const watchers = await WatcherGroup.open(connections, { service: SERVICE, perConnection: 1 });
    const snapshotBytes = received(connections);
    const from = watchers.watches.map((watch) => watch.resumePoint());

    await subject.restart();
    for (const connection of [writer, ...connections]) connection.close();
    const nextWriter = await subject.connect();
    const changed = await fillService(nextWriter, {
      service: SERVICE,
      count: load.changesMeanwhile,
      bytes: load.bytes,
    });

    const cpu = cpuSince(subject);
    const startMs = performance.now();
    const nextConnections = await connectMany(subject, load.watchers);
    const msUntilConnected = performance.now() - startMs;
    const back = new WatcherGroup(nextConnections, { service: SERVICE, perConnection: 1, from });
    await back.reach(Math.max(...changed.map(({ revision }) => revision)));
    const ms = performance.now() - startMs;
    const { serverMicros, driverMicros } = cpu();
    const bytes = received(nextConnections);
    for (const connection of [nextWriter, ...nextConnections]) connection.close();
    return {
      msUntilConnected,
      msUntilAllExact: ms,
      serverCpuMs: serverMicros / 1_000,
      driverCpuMs: driverMicros / 1_000,
      receivedMiB: bytes / 2 ** 20,
      snapshotsMiB: snapshotBytes / 2 ** 20,
      shareOfSnapshots: bytes / snapshotBytes,
    };
  },
} satisfies Scenario<typeof parameters>;

function received(connections: readonly Connection[]): number {
  return connections.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
}
