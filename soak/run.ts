import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { memoryKiB } from '../bench/measure/process-usage.js';
import { loadXxh64 } from '../src/core/hash.js';
import { messageOf } from '../src/lib/message-of.js';
import { startFaultProxy, type FaultProxy } from '../test/support/fault-proxy.js';
import { seededPick } from '../test/support/seeded-random.js';
import { until } from '../test/support/until.js';
import { validateAll } from '../test/support/validators/index.js';
import { Clients, LINE_COUNT, LINES } from './clients.js';
import { writeHistory } from './history-file.js';
import { openCalls } from './open-calls.js';
import type { RunOptions } from './options.js';
import { amountsOf, missingIn, type Outcome } from './outcome.js';
import { Place } from './place.js';
import { HISTORY_COUNTS, planStorm } from './plan.js';
import { historyOf, Recording } from './recording.js';
import { settle } from './settle.js';
import { rage } from './storm.js';
import { TappedServer } from './tapped-server.js';
import { unexpectedIn } from './server-log.js';

const STORM_MS_MAX = 15_000;
/** How long a server may take to see that its clients have gone. */
const GONE_WITHIN_MS = 10_000;

/** Runs a server among faults, and looks at all that happened. `note` is told how it goes. */
export async function run(options: RunOptions, note: (text: string) => void): Promise<Outcome> {
  using place = new Place();
  const { disk, dataDir, directory } = place;
  if (disk === undefined) note('!!! SKIPPED: the soak does not fill the disk, for this user may not mount one');
  const recording = new Recording();
  await using server = new TappedServer({ recording, dataDir, tapDir: directory });
  const course = {
    faults: {} as Record<string, number>,
    settledInMs: [] as number[],
    rssMiB: [0, 0] as [number, number],
  };
  const observed: string[] = [];
  const clientsLog: string[] = [];
  try {
    const soaked = soak({ options, server, disk, recording, course, observed, log: clientsLog, note });
    await Promise.race([soaked, server.mishap]);
  } catch (error) {
    observed.push(`run: ${messageOf(error)}`);
  }
  observed.push(...unexpectedIn(server.log()));

  const history = historyOf([...server.told(), ...recording.told]);
  const amounts = amountsOf(history);
  const startMs = performance.now();
  const problems = [...observed, ...missingIn(amounts), ...validateAll(history, await loadXxh64())];
  const validatedInMs = performance.now() - startMs;
  const { seed, minutes } = options;
  const outcome = { ok: problems.length === 0, seed, minutes, amounts, ...course, validatedInMs, problems };
  if (outcome.ok && !options.keep) return outcome;
  mkdirSync(options.out, { recursive: true });
  const file = relative('.', join(options.out, `seed-${seed}.jsonl`));
  writeHistory(file, { seed, minutes, versions: versions(), observed: [...observed, ...missingIn(amounts)] }, history);
  writeFileSync(`${file}.log`, server.log());
  writeFileSync(`${file}.clients.log`, clientsLog.map((line) => `${line}\n`).join(''));
  return { ...outcome, file };
}

interface Soak {
  readonly options: RunOptions;
  readonly server: TappedServer;
  readonly disk: Place['disk'];
  readonly recording: Recording;
  readonly course: { faults: Record<string, number>; settledInMs: number[]; rssMiB: [number, number] };
  readonly observed: string[];
  /** Of the client library. */
  readonly log: string[];
  readonly note: (text: string) => void;
}

async function soak(soaked: Soak): Promise<void> {
  const { server, observed } = soaked;
  await server.start(HISTORY_COUNTS[0]);
  await amongFaults(soaked);
  await noneLeft(server.address, observed);
  // What is on disk is what was shown, and it ends in good order.
  await server.stop('SIGKILL');
  await server.start(HISTORY_COUNTS[1]);
  const code = await server.stop('SIGTERM');
  if (code !== 0) observed.push(`server: it ended with exit code ${code} when it was told to`);
}

async function amongFaults({ options, server, disk, recording, course, observed, log, note }: Soak): Promise<void> {
  const { seed, minutes } = options;
  const directAddress = server.address;
  await using lines = await startLines(directAddress);
  const onWrong = (problem: string): void => void observed.push(`client: ${problem}`);
  await using clients = await Clients.start({ seed, recording, lines: lines.all, directAddress, log, onWrong });
  course.settledInMs.push(await settle(clients, recording, directAddress, false));

  const pick = seededPick(seed);
  const onFault = (kind: string): void => void (course.faults[kind] = (course.faults[kind] ?? 0) + 1);
  const stage = { server, lines: lines.all, recording, disk, onFault };
  for (let leftMs = minutes * 60_000; leftMs > 0; leftMs -= STORM_MS_MAX) {
    clients.goOn();
    const durationMs = Math.min(leftMs, STORM_MS_MAX);
    const canFillDisk = disk !== undefined;
    await rage(stage, planStorm({ pick, durationMs, lines: LINE_COUNT, dirtyLine: LINES.dirty, canFillDisk }));
    const tookMs = await settle(clients, recording, directAddress, leftMs <= STORM_MS_MAX);
    course.settledInMs.push(tookMs);
    course.rssMiB[1] = Math.round(memoryKiB([server.pid]).rss / 1024);
    course.rssMiB[0] ||= course.rssMiB[1];
    const { length } = recording.told;
    note(
      `${length} events so far; all is right ${Math.round(tookMs)} ms after the last fault; the server has ${course.rssMiB[1]} MiB`,
    );
  }
}

async function startLines(address: string): Promise<AsyncDisposable & { readonly all: readonly FaultProxy[] }> {
  const all: FaultProxy[] = [];
  for (let line = 0; line < LINE_COUNT; line++) all.push(await startFaultProxy(address));
  const dispose = async (): Promise<void> => void (await Promise.all(all.map((line) => line[Symbol.asyncDispose]())));
  return { all, [Symbol.asyncDispose]: dispose };
}

/** Nothing is left on the server of clients that are gone. */
async function noneLeft(address: string, observed: string[]): Promise<void> {
  let left = '';
  const isNone = async (): Promise<boolean> => {
    const { connections, calls } = await openCalls(address);
    left = `${connections} connections with ${calls} calls`;
    return connections + calls === 0;
  };
  try {
    await until('nothing is left', isNone, GONE_WITHIN_MS);
  } catch {
    observed.push(`server: ${left} were open ${GONE_WITHIN_MS} ms after all clients had gone`);
  }
}

function versions(): Record<string, string> {
  const grpcJs = createRequire(import.meta.url).resolve('@grpc/grpc-js/package.json');
  const version = (file: string): string => (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  return { rollcall: version('package.json'), node: process.version, '@grpc/grpc-js': version(grpcJs) };
}
