import { fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { cpuSince } from './measure/cpu-since.js';
import type { Figures } from './measure/figures.js';
import { Latency } from './measure/latency.js';
import type { Program, Run } from './measure/program.js';
import { connectMany } from './subject/connect-many.js';

const parameters = {
  /** A list: so many callers at once, each of which waits for its answer before it registers another endpoint. */
  callers: '1,64,256',
  connections: 16,
  services: 100,
  bytes: 200,
  warmUpSeconds: 1,
  seconds: 5,
};

const FLUSHES = 300;

/** Registrations a second that are on disk when they are answered, and how long the answer takes. */
export default {
  name: 'register',
  parameters,
  quick: { warmUpSeconds: 0.5, seconds: 1 },
  measure: async (run, { callers, ...load }) => {
    const figures: Record<string, Figures> = { diskFlush: diskFlush(run.dataDir) };
    for (const count of callers.split(',').map(Number)) {
      figures[`callers${count}`] = await register(run, { callers: count, ...load });
    }
    return figures;
  },
} satisfies Program<typeof parameters>;

async function register(
  run: Run,
  load: Omit<typeof parameters, 'callers'> & { readonly callers: number },
): Promise<Figures> {
  await using subject = await run.start();
  const connections = await connectMany(subject, Math.min(load.callers, load.connections));
  let registered = 0;
  const registerFor = async (seconds: number, onAnswer: (sentMs: number) => void) => {
    const endsMs = performance.now() + seconds * 1_000;
    const caller = async (_: unknown, index: number) => {
      const connection = connections[index % connections.length]!;
      while (performance.now() < endsMs) {
        const count = registered++;
        const sentMs = performance.now();
        await connection.register({ service: `s-${count % load.services}`, id: `e-${count}`, bytes: load.bytes });
        onAnswer(sentMs);
      }
    };
    await Promise.all(Array.from({ length: load.callers }, caller));
  };

  await registerFor(load.warmUpSeconds, () => undefined);
  const latency = new Latency();
  let answers = 0;
  const cpu = cpuSince(subject);
  const startMs = performance.now();
  await registerFor(load.seconds, (sentMs) => {
    answers++;
    latency.addSince(sentMs);
  });
  const seconds = (performance.now() - startMs) / 1_000;
  const { serverMicros, driverMicros } = cpu();
  for (const connection of connections) connection.close();
  return {
    registrationsASecond: answers / seconds,
    ...latency.figures,
    serverCpuMicrosARegistration: serverMicros / answers,
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
