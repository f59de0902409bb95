import { cpuSince } from '../measure/cpu-since.js';
import type { Figures } from '../measure/figures.js';
import { Latency } from '../measure/latency.js';
import type { Run } from '../measure/program.js';
import { ratioAtMost, type Scenario } from '../side-by-side/scenario.js';
import { connectMany } from '../subject/connect-many.js';
import { fillService } from '../subject/fill-service.js';

const SERVICE = 'renew';

const parameters = {
  /** Processes that hold one lease each, on a connection and a stream of their own. */
  processes: 500,
  /** Processes that hold many leases each, and renew them at once. */
  largeProcesses: 50,
  leasesAProcess: 100,
  warmUpSeconds: 1,
  seconds: 5,
};

/** Renewals a second, and what one costs the server: processes with one lease, and with many. */
export default {
  name: 'renew',
  parameters,
  quick: { warmUpSeconds: 0.5, seconds: 1 },
  rows: [
    {
      figure: 'oneLease.serverCpuMicrosARenewal',
      label: 'server CPU a renewal, one lease a process',
      unit: 'µs',
      mark: ratioAtMost(1),
    },
    {
      figure: 'manyLeases.serverCpuMicrosARenewal',
      label: 'server CPU a renewal, 100 leases a process',
      unit: 'µs',
      mark: ratioAtMost(0.1),
    },
    { figure: 'oneLease.renewalsASecond', label: 'renewals, one lease a process', unit: '/s' },
    { figure: 'manyLeases.renewalsASecond', label: 'renewals, 100 leases a process', unit: '/s' },
  ],
  measure: async (run, { processes, largeProcesses, leasesAProcess, ...load }) => ({
    oneLease: await renew(run, { ...load, processes, leases: 1 }),
    manyLeases: await renew(run, { ...load, processes: largeProcesses, leases: leasesAProcess }),
  }),
} satisfies Scenario<typeof parameters>;

interface Load {
  readonly processes: number;
  readonly leases: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

/** Every process renews again as soon as it has its answer. */
async function renew(run: Run, load: Load): Promise<Figures> {
  await using subject = await run.start();
  const connections = await connectMany(subject, load.processes);
  const count = load.processes * load.leases;
  const registrations = await fillService(connections[0]!, { service: SERVICE, count, bytes: 200 });
  const processes = connections.map((connection, index) => ({
    renewals: connection.renewals(),
    leases: registrations.slice(index * load.leases, (index + 1) * load.leases).map(({ lease }) => lease),
  }));
  const renewFor = async (seconds: number, onAnswer: (sentMs: number) => void) => {
    const endsMs = performance.now() + seconds * 1_000;
    const renewer = async ({ renewals, leases }: (typeof processes)[number]) => {
      while (performance.now() < endsMs) {
        const sentMs = performance.now();
        await renewals.renew(leases);
        onAnswer(sentMs);
      }
    };
    await Promise.all(processes.map(renewer));
  };

  await renewFor(load.warmUpSeconds, () => undefined);
  const latency = new Latency();
  let rounds = 0;
  const cpu = cpuSince(subject);
  const startMs = performance.now();
  await renewFor(load.seconds, (sentMs) => {
    rounds++;
    latency.addSince(sentMs);
  });
  const seconds = (performance.now() - startMs) / 1_000;
  const { serverMicros, driverMicros } = cpu();
  for (const connection of connections) connection.close();
  return {
    renewalsASecond: (rounds * load.leases) / seconds,
    serverCpuMicrosARenewal: serverMicros / rounds / load.leases,
    ...latency.figures,
    serverCores: serverMicros / 1e6 / seconds,
    driverCores: driverMicros / 1e6 / seconds,
  };
}
