import { cpuSince } from './measure/cpu-since.js';
import type { Figures } from './measure/figures.js';
import { Latency } from './measure/latency.js';
import type { Program, Run } from './measure/program.js';
import { connectMany } from './subject/connect-many.js';
import { fillService } from './subject/fill-service.js';

const SERVICE = 'renew';

const parameters = {
  /** Processes that hold one lease each, on a connection and a stream of their own. */
  processes: 500,
  /** Processes that hold many leases each, and renew them in one message. */
  largeProcesses: 50,
  leasesAMessage: 100,
  warmUpSeconds: 1,
  seconds: 5,
};

/** Renewals a second, and what one costs the server: one lease a message, and many. */
export default {
  name: 'renew',
  parameters,
  quick: { warmUpSeconds: 0.5, seconds: 1 },
  measure: async (run, { processes, largeProcesses, leasesAMessage, ...load }) => ({
    oneLeaseAMessage: await renew(run, { ...load, processes, leases: 1 }),
    manyLeasesAMessage: await renew(run, { ...load, processes: largeProcesses, leases: leasesAMessage }),
  }),
} satisfies Program<typeof parameters>;

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
  let messages = 0;
  const cpu = cpuSince(subject);
  const startMs = performance.now();
  await renewFor(load.seconds, (sentMs) => {
    messages++;
    latency.addSince(sentMs);
  });
  const seconds = (performance.now() - startMs) / 1_000;
  const { serverMicros, driverMicros } = cpu();
  for (const connection of connections) connection.close();
  return {
    renewalsASecond: (messages * load.leases) / seconds,
    serverCpuMicrosARenewal: serverMicros / messages / load.leases,
    serverCpuMicrosAMessage: serverMicros / messages,
    ...latency.figures,
    serverCores: serverMicros / 1e6 / seconds,
    driverCores: driverMicros / 1e6 / seconds,
  };
}
