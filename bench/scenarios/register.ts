import { fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { cpuSince } from '../measure/cpu-since.js';
import type { Figures } from '../measure/figures.js';
import { Latency } from '../measure/latency.js';
import type { Run } from '../measure/program.js';
import { ratioAtLeast, type Scenario } from '../side-by-side/scenario.js';
import { connectMany } from '../subject/connect-many.js';
import type { Connection, Lease, Subject } from '../subject/subject.js';
import { warmUp } from '../subject/warm-up.js';

const parameters = {
  connections: 16,
  services: 100,
  bytes: 200,
  seconds: 5,
};

const FLUSHES = 300;

/** So many callers at once, each of which waits for its answer before it registers another endpoint. */
const CALLERS = [
  { callers: 1, mark: ratioAtLeast(1) },
  { callers: 64, mark: ratioAtLeast(1.2) },
  { callers: 256, mark: ratioAtLeast(1.5) },
];

/**
 * Registrations a second that are on disk when they are answered, and how long
 * the answer takes. In etcd a lease is a write of its own, so there it is
 * measured twice: a lease with each endpoint, and one lease for all endpoints
 * of a caller, granted beforehand. In Rollcall the two are the same, and are
 * measured once.
 */
export default {
  name: 'register',
  parameters,
  quick: { seconds: 1 },
  rows: CALLERS.flatMap(({ callers, mark }) => [
    {
      figure: `callers${callers}.registrationsASecond`,
      label: `callers: ${callers}, a lease with each endpoint`,
      unit: '/s',
      mark,
    },
    {
      figure: `callers${callers}LeaseReady.registrationsASecond`,
      label: `callers: ${callers}, etcd's lease granted before`,
      unit: '/s',
      mark,
    },
  ]),
  measure: async (run, load) => {
    const figures: Record<string, Figures> = { diskFlush: diskFlush(run.dataDir) };
    for (const { callers } of CALLERS) {
      run.log(`callers: ${callers}, a lease with each endpoint`);
      const each = await withALeaseEach(run, { ...load, callers });
      run.log(`callers: ${callers}, leases granted before`);
      figures[`callers${callers}`] = each;
      figures[`callers${callers}LeaseReady`] = (await withLeasesReady(run, { ...load, callers })) ?? each;
    }
    return figures;
  },
} satisfies Scenario<typeof parameters>;

type Load = typeof parameters & { readonly callers: number };

interface Caller {
  readonly connection: Connection;
  readonly lease: Lease | undefined;
}

async function withALeaseEach(run: Run, load: Load): Promise<Figures> {
  await using subject = await run.start();
  const connections = await connectCallers(subject, load);
  return await register(subject, {
    load,
    callers: connections.map((connection) => ({ connection, lease: undefined })),
  });
}

/** Undefined where a lease is a part of the registration. */
async function withLeasesReady(run: Run, load: Load): Promise<Figures | undefined> {
  await using subject = await run.start();
  const connections = await connectCallers(subject, load);
  const callers = await Promise.all(
    connections.map(async (connection) => ({ connection, lease: await connection.prepareLease() })),
  );
  if (callers.every(({ lease }) => lease !== undefined)) return await register(subject, { load, callers });
  for (const { connection } of callers) connection.close();
  return undefined;
}

/** A connection for each caller; some share one. */
async function connectCallers(subject: Subject, load: Load): Promise<Connection[]> {
  const connections = await connectMany(subject, Math.min(load.callers, load.connections));
  return Array.from({ length: load.callers }, (_, index) => connections[index % connections.length]!);
}

async function register(
  subject: Subject,
  { load, callers }: { readonly load: Load; readonly callers: readonly Caller[] },
): Promise<Figures> {
  await warmUp(subject);

  const latency = new Latency();
  let registered = 0;
  const cpu = cpuSince(subject);
  const startMs = performance.now();
  const call = async ({ connection, lease }: Caller) => {
    while (performance.now() < startMs + load.seconds * 1_000) {
      const count = registered++;
      const sentMs = performance.now();
      const endpoint = { service: `s-${count % load.services}`, id: `e-${count}`, bytes: load.bytes };
      await connection.register(endpoint, lease);
      latency.addSince(sentMs);
    }
  };
  await Promise.all(callers.map(call));
  const seconds = (performance.now() - startMs) / 1_000;
  const { serverMicros, driverMicros } = cpu();
  for (const { connection } of callers) connection.close();
  return {
    registrationsASecond: registered / seconds,
    ...latency.figures,
    serverCpuMicrosARegistration: serverMicros / registered,
    serverCores: serverMicros / 1e6 / seconds,
    driverCores: driverMicros / 1e6 / seconds,
  };
}

/** How long this disk takes to flush 4 KiB, which no durable write can be faster than. */
function diskFlush(dataDir: string): Figures {
  const file = openSync(join(dataDir, 'flush'), 'w');
  const page = Buffer.alloc(4_096, 1);
  const latency = new Latency();
  for (let flush = 0; flush < FLUSHES; flush++) {
    const startMs = performance.now();
    writeSync(file, page, 0, page.length, (flush % 16) * page.length);
    fdatasyncSync(file);
    latency.addSince(startMs);
  }
  return latency.figures;
}
