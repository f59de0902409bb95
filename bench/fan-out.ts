import { cpuSince } from './measure/cpu-since.js';
import type { Figures } from './measure/figures.js';
import { Latency } from './measure/latency.js';
import type { Program, Run } from './measure/program.js';
import { connectMany } from './subject/connect-many.js';
import { WatcherGroup } from './subject/watcher-group.js';

const SERVICE = 'fan-out';

const WARM_UP_CHANGES = 50;

const parameters = {
  /** CONNECTIONSxWATCHES, a list: so many connections with so many watches each. */
  shapes: '500x1,20x50',
  changes: 500,
  bytes: 200,
};

/** What a delivered change costs the server, and how long it takes: one change at a time, seen by all before the next. */
export default {
  name: 'fan-out',
  parameters,
  quick: { changes: 50 },
  measure: async (run, { shapes, ...load }) => {
    const figures: Record<string, Figures> = {};
    for (const shape of shapes.split(',')) {
      const [connections = 0, perConnection = 0] = shape.split('x').map(Number);
      figures[shape] = await fanOut(run, { connections, perConnection, ...load });
    }
    return figures;
  },
} satisfies Program<typeof parameters>;

async function fanOut(
  run: Run,
  load: {
    readonly connections: number;
    readonly perConnection: number;
    readonly changes: number;
    readonly bytes: number;
  },
): Promise<Figures> {
  await using subject = await run.start();
  const writer = await subject.connect();
  const endpoint = await writer.register({ service: SERVICE, id: 'a', bytes: load.bytes });
  const connections = await connectMany(subject, load.connections);
  const watchers = await WatcherGroup.open(connections, { service: SERVICE, perConnection: load.perConnection });
  for (let change = 0; change < WARM_UP_CHANGES; change++) await watchers.see(endpoint.change);

  const latency = new Latency();
  const cpu = cpuSince(subject);
  const startMs = performance.now();
  for (let change = 0; change < load.changes; change++) {
    const sentMs = performance.now();
    await watchers.see(endpoint.change, () => latency.addSince(sentMs));
  }
  const seconds = (performance.now() - startMs) / 1_000;
  const { serverMicros, driverMicros } = cpu();
  const deltas = load.changes * watchers.watches.length;
  for (const connection of [writer, ...connections]) connection.close();
  return {
    serverCpuMicrosADelta: serverMicros / deltas,
    driverCpuMicrosADelta: driverMicros / deltas,
    ...latency.figures,
    deltas,
    deltasASecond: deltas / seconds,
  };
}
