import type { Subject, SubjectOptions } from '../subject/subject.js';
import { startRollcall } from '../subject/rollcall.js';
import { medianFigures, type Figures } from './figures.js';
import { readFlags } from './flags.js';
import { machine } from './machine.js';
import { DATA_ROOT, measureUndisturbed, type Measured } from './measure-undisturbed.js';

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
  start(options?: Partial<Pick<SubjectOptions, 'streamEach'>>): Promise<Subject>;
  /** On the disk that the subjects' data is on. Goes with the measurement. */
  readonly dataDir: string;
  /** Says on stderr what is going on. */
  log(message: string): void;
}

/** Runs a program of Rollcall alone by its flags, several times, and prints one JSON object with the medians. */
export async function runProgram<P extends Parameters>(program: Program<P>, argv: readonly string[]): Promise<void> {
  const { parameters, runs, waitQuietMs, runtimeArgs } = readFlags(program, argv);
  const log = (message: string) => void process.stderr.write(`${program.name}: ${message}\n`);
  const each: Measured[] = [];
  while (each.length < runs) {
    const measured = await measureUndisturbed(program, parameters, {
      log,
      waitQuietMs,
      startSubject: (options) => startRollcall({ ...options, runtimeArgs }),
    });
    each.push(measured);
    log(`run ${each.length} of ${runs}: ${JSON.stringify(measured)}`);
  }
  const report = {
    program: program.name,
    parameters,
    machine: machine(DATA_ROOT),
    runs,
    othersCores: each.map(({ othersCores }) => othersCores),
    figures: medianFigures(each.map(({ figures }) => figures)),
    each: each.map(({ figures }) => medianFigures([figures])),
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
