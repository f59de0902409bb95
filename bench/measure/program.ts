import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startRollcall } from '../subject/rollcall.js';
import type { Subject } from '../subject/subject.js';
import { medianFigures, type Figures } from './figures.js';
import { machine } from './machine.js';
import { QUIET_CORES_MAX, waitForQuiet, watchOthers } from './others.js';

/** What a program may be told by flags: `connections` by `--connections`. Lists are written as in `1,64`. */
export type Parameters = Readonly<Record<string, number | string>>;

/** One measurement. */
export interface Program<P extends Parameters> {
  readonly name: string;
  /** With their defaults. */
  readonly parameters: P;
  /** Those that `--quick` replaces, so that it takes seconds. */
  readonly quick: Partial<P>;
  /** Measures once. Everything that it starts, it starts through `run`. */
  measure(run: Run, parameters: P): Promise<Figures>;
}

/** What a measurement is given. */
export interface Run {
  /** Starts the subject, empty. It is ended with the measurement if not before. */
  start(): Promise<Subject>;
  /** On the disk that the subjects' data is on. Goes with the measurement. */
  readonly dataDir: string;
  /** Says on stderr what is going on. */
  log(message: string): void;
}

/** Runs that others on the machine disturbed are repeated this often in all. */
const REPEATS_MAX = 2;

/** Data is kept here rather than in /tmp, which on many machines is memory. */
const DATA_ROOT = join(process.cwd(), 'data');

/**
 * Runs a program by its flags, several times, and prints one JSON object with
 * the medians.
 *
 * Flags of every program besides its own: `--quick`, `--runs N` (3),
 * `--wait-quiet SECONDS` (60), `--cpu-prof DIR` for profiles of the subject,
 * and `--runtime-args "ARGS"` for other arguments of its runtime.
 */
export async function runProgram<P extends Parameters>(program: Program<P>, argv: readonly string[]): Promise<void> {
  const { parameters, runs, waitQuietMs, runtimeArgs } = readFlags(program, argv);
  const log = (message: string) => void process.stderr.write(`${program.name}: ${message}\n`);
  const each: { readonly othersCores: number; readonly figures: Figures }[] = [];
  let repeats = 0;
  while (each.length < runs) {
    await waitForQuiet(waitQuietMs);
    const others = watchOthers();
    const figures = await measureOnce(program, parameters, { log, runtimeArgs });
    const othersCores = others();
    log(`run ${each.length + 1} of ${runs}, others used ${othersCores} cores: ${JSON.stringify(figures)}`);
    if (othersCores > QUIET_CORES_MAX && waitQuietMs > 0 && repeats++ < REPEATS_MAX) log('disturbed, so once more');
    else each.push({ othersCores, figures });
  }
  const report = {
    program: program.name,
    subject: 'rollcall',
    parameters,
    machine: machine(DATA_ROOT),
    runs,
    othersCores: each.map(({ othersCores }) => othersCores),
    figures: medianFigures(each.map(({ figures }) => figures)),
    each: each.map(({ figures }) => medianFigures([figures])),
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

async function measureOnce<P extends Parameters>(
  program: Program<P>,
  parameters: P,
  { log, runtimeArgs }: { readonly log: Run['log']; readonly runtimeArgs: readonly string[] },
): Promise<Figures> {
  mkdirSync(DATA_ROOT, { recursive: true });
  const dataDir = mkdtempSync(join(DATA_ROOT, 'bench-'));
  const removeData = () => rmSync(dataDir, { recursive: true, force: true });
  process.once('exit', removeData);
  const subjects: Subject[] = [];
  try {
    return await program.measure(
      {
        dataDir,
        log,
        start: async () => {
          const subject = await startRollcall({ dataDir: mkdtempSync(join(dataDir, 'subject-')), runtimeArgs });
          subjects.push(subject);
          return subject;
        },
      },
      parameters,
    );
  } finally {
    for (const subject of subjects) await subject[Symbol.asyncDispose]();
    process.off('exit', removeData);
    removeData();
  }
}

function readFlags<P extends Parameters>(program: Program<P>, argv: readonly string[]) {
  const own = Object.keys(program.parameters).map((name) => [flag(name), { type: 'string' }] as const);
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean' },
      runs: { type: 'string' },
      'wait-quiet': { type: 'string' },
      'cpu-prof': { type: 'string' },
      'runtime-args': { type: 'string' },
      ...Object.fromEntries(own),
    },
  });
  const quick = values['quick'] === true;
  const parameters: Record<string, number | string> = { ...program.parameters, ...(quick ? program.quick : {}) };
  for (const [name, value] of Object.entries(parameters)) {
    const given = values[flag(name) as keyof typeof values];
    if (typeof given === 'string') parameters[name] = typeof value === 'number' ? numberOf(name, given) : given;
  }
  return {
    parameters: parameters as P,
    runs: numberOf('runs', values['runs'] ?? (quick ? '1' : '3')),
    waitQuietMs: numberOf('waitQuiet', values['wait-quiet'] ?? (quick ? '0' : '60')) * 1_000,
    runtimeArgs: [
      ...(values['cpu-prof'] === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values['cpu-prof']}`]),
      ...(values['runtime-args']?.split(' ') ?? []),
    ],
  };
}

function flag(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value < 0)
    throw new Error(`--${flag(name)} must be a number, not ${text}`);
  return value;
}
