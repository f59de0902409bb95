import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Subject, SubjectOptions } from '../subject/subject.js';
import type { Figures } from './figures.js';
import { QUIET_CORES_MAX, waitForQuiet, watchOthers } from './others.js';
import type { Parameters, Program } from './program.js';

/** A measurement that others on the machine disturbed is repeated this often at most. */
const REPEATS_MAX = 2;

/** Data is kept here rather than in /tmp, which on many machines is memory. */
export const DATA_ROOT = join(process.cwd(), 'data');

export interface Measured {
  /** How busy the machine was with other things. */
  readonly othersCores: number;
  readonly figures: Figures;
}

/** What a measurement decides of how its subject is started. */
export type StartOptions = Pick<SubjectOptions, 'dataDir' | 'streamEach'>;

export interface MeasureOptions {
  startSubject(options: StartOptions): Promise<Subject>;
  /** How long to wait for a quiet machine; with 0, whatever the machine does is taken as it is. */
  readonly waitQuietMs: number;
  log(message: string): void;
}

/** Measures once the machine is quiet, and again if it did not remain so. One that does not become quiet is taken as it is. */
export async function measureUndisturbed<P extends Parameters>(
  program: Program<P>,
  parameters: P,
  options: MeasureOptions,
): Promise<Measured> {
  for (let repeats = 0; ; repeats++) {
    const wasQuiet = await waitForQuiet(options.waitQuietMs, options.log);
    const others = watchOthers();
    const figures = await measureOnce(program, parameters, options);
    const othersCores = others();
    if (othersCores <= QUIET_CORES_MAX || !wasQuiet || repeats === REPEATS_MAX) return { othersCores, figures };
    options.log(`others used ${othersCores} cores, so once more`);
  }
}

async function measureOnce<P extends Parameters>(
  program: Program<P>,
  parameters: P,
  { startSubject, log }: MeasureOptions,
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
        start: async ({ streamEach = false } = {}) => {
          const subject = await startSubject({ dataDir: mkdtempSync(join(dataDir, 'subject-')), streamEach });
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
