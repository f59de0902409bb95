import { cpuSince } from '../measure/cpu-since.js';
import type { Figures } from '../measure/figures.js';
import type { Run } from '../measure/program.js';
import { settledRssKiB } from '../measure/settled-rss.js';
import { rollcallAtMost, type Scenario } from '../side-by-side/scenario.js';
import { connectMany } from '../subject/connect-many.js';
import { fillService } from '../subject/fill-service.js';
import { readView } from '../subject/read-view.js';
import { WatcherGroup } from '../subject/watcher-group.js';

const parameters = {
  /** A list: endpoints in all. */
  endpoints: '1000,10000,100000',
  /** For each of them, how many watch. */
  watchers: '100,1000,5000',
  /** They all watch one such service, and the changes are to it. */
  endpointsAService: 1_000,
  watchesAConnection: 50,
  /** Delivered before CPU is measured. */
  warmUpDeltas: 50_000,
  changes: 100,
  settleSeconds: 3,
  bytes: 200,
};

const STEPS = ['small', 'medium', 'large'];

/** How CPU, memory and start-up grow with what there is: exponents, of which 1 is linear. */
export default {
  name: 'scale',
  parameters,
  quick: {
    endpoints: '100,300,1000',
    watchers: '50,100,200',
    endpointsAService: 100,
    warmUpDeltas: 5_000,
    changes: 20,
    settleSeconds: 0.2,
  },
  rows: [
    { figure: 'exponents.cpu', label: 'CPU a change by watchers, exponent', unit: '', mark: rollcallAtMost(1) },
    { figure: 'exponents.memory', label: 'RSS by endpoints, exponent', unit: '', mark: rollcallAtMost(1) },
    { figure: 'exponents.startUp', label: 'start-up by endpoints, exponent', unit: '', mark: rollcallAtMost(1) },
    ...STEPS.flatMap((step) => [
      { figure: `${step}.serverCpuMsAChange`, label: `${step}: server CPU a change`, unit: 'ms' },
      { figure: `${step}.rssMiB`, label: `${step}: RSS`, unit: 'MiB' },
      { figure: `${step}.startUpMs`, label: `${step}: kill to first view`, unit: 'ms' },
    ]),
  ],
  growths: [
    { figure: 'serverCpuMsAChange', by: 'watchers', label: 'server CPU a change', unit: 'ms', steps: STEPS },
    { figure: 'rssMiB', by: 'endpoints', label: 'RSS', unit: 'MiB', steps: STEPS },
    { figure: 'startUpMs', by: 'endpoints', label: 'kill to first view', unit: 'ms', steps: STEPS },
  ],
  measure: async (run, { endpoints, watchers, ...load }): Promise<Figures> => {
    const [endpointCounts, watcherCounts] = [endpoints, watchers].map((list) => list.split(',').map(Number));
    const steps: Step[] = [];
    for (const [index, count] of endpointCounts!.entries()) {
      steps.push(await scaleStep(run, { ...load, endpoints: count, watchers: watcherCounts![index]! }));
    }
    const exponent = (of: keyof Step, by: keyof Step) => {
      const [first, last] = [steps[0]!, steps.at(-1)!];
      return Math.log(last[of] / first[of]) / Math.log(last[by] / first[by]);
    };
    return {
      ...Object.fromEntries(STEPS.map((name, index) => [name, { ...steps[index]! }])),
      exponents: {
        cpu: exponent('serverCpuMsAChange', 'watchers'),
        memory: exponent('rssMiB', 'endpoints'),
        startUp: exponent('startUpMs', 'endpoints'),
      },
    };
  },
} satisfies Scenario<typeof parameters>;

interface Step {
  readonly endpoints: number;
  readonly watchers: number;
  readonly serverCpuMsAChange: number;
  readonly rssMiB: number;
  readonly startUpMs: number;
}

async function scaleStep(
  run: Run,
  load: Omit<typeof parameters, 'endpoints' | 'watchers'> & Pick<Step, 'endpoints' | 'watchers'>,
): Promise<Step> {
  await using subject = await run.start();
  const writer = await subject.connect();
  const fill = { count: load.endpointsAService, bytes: load.bytes };
  const [endpoint] = await fillService(writer, { service: 'service-0', ...fill });
  for (let service = 1; service < load.endpoints / load.endpointsAService; service++) {
    await fillService(writer, { service: `service-${service}`, ...fill });
  }
  const connections = await connectMany(subject, load.watchers / load.watchesAConnection);
  const watchers = await WatcherGroup.open(connections, {
    service: 'service-0',
    perConnection: load.watchesAConnection,
  });
  const rssKiB = await settledRssKiB(subject, load.settleSeconds);
  const warmUpChanges = Math.ceil(load.warmUpDeltas / load.watchers);
  for (let change = 0; change < warmUpChanges; change++) await watchers.see(endpoint!.change);
  const cpu = cpuSince(subject);
  for (let change = 0; change < load.changes; change++) await watchers.see(endpoint!.change);
  const { serverMicros } = cpu();
  for (const connection of [writer, ...connections]) connection.close();

  const startMs = performance.now();
  await subject.restart();
  const reader = await subject.connect();
  await readView(subject, { connection: reader, service: 'service-0', endpoints: load.endpointsAService });
  const startUpMs = performance.now() - startMs;
  reader.close();
  return {
    endpoints: load.endpoints,
    watchers: load.watchers,
    serverCpuMsAChange: serverMicros / 1_000 / load.changes,
    rssMiB: rssKiB / 1_024,
    startUpMs,
  };
}
