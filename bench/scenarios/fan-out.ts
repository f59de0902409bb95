import { cpuSince } from '../measure/cpu-since.js';
import type { Figures } from '../measure/figures.js';
import { Latency } from '../measure/latency.js';
import type { Run } from '../measure/program.js';
import { ratioAtMost, type Row } from '../side-by-side/scenario.js';
import { connectMany } from '../subject/connect-many.js';
import { WatcherGroup } from '../subject/watcher-group.js';

const SERVICE = 'fan-out';

const WARM_UP_CHANGES = 50;

export interface FanOut {
  readonly connections: number;
  readonly watchesAConnection: number;
  readonly changes: number;
  readonly bytes: number;
  /** Whether watches that could share a stream have one each all the same; false unless told. */
  readonly streamEach?: boolean;
}

/** The rows of what {@link fanOut} measures, where its figures are at `path` and are told of as `kind`. */
export function fanOutRows({ path = '', kind = '' } = {}): Row[] {
  return [
    {
      figure: `${path}serverCpuMicrosADelta`,
      label: `server CPU a delivered change${kind}`,
      unit: 'µs',
      mark: ratioAtMost(0.8),
    },
    { figure: `${path}p99Ms`, label: `propagation, p99${kind}`, unit: 'ms', mark: ratioAtMost(1) },
    { figure: `${path}p50Ms`, label: `propagation, p50${kind}`, unit: 'ms' },
  ];
}

/** What a delivered change costs the server, and how long it takes: one change at a time, seen by all before the next. */
export async function fanOut(run: Run, { streamEach = false, ...load }: FanOut): Promise<Figures> {
  await using subject = await run.start({ streamEach });
  const writer = await subject.connect();
  const endpoint = await writer.register({ service: SERVICE, id: 'a', bytes: load.bytes });
  const connections = await connectMany(subject, load.connections);
  let onChange: () => void = () => undefined;
  const watchers = await WatcherGroup.open(connections, {
    service: SERVICE,
    perConnection: load.watchesAConnection,
    onMessage: ({ kind }) => kind === 'change' && onChange(),
  });
  for (let change = 0; change < WARM_UP_CHANGES; change++) await watchers.see(endpoint.change);

  const latency = new Latency();
  const cpu = cpuSince(subject);
  const startMs = performance.now();
  for (let change = 0; change < load.changes; change++) {
    const sentMs = performance.now();
    onChange = () => latency.addSince(sentMs);
    await watchers.see(endpoint.change);
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
