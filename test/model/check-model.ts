import { randomInt } from 'node:crypto';
import * as fc from 'fast-check';
import { loadXxh64, type Xxh64 } from '../../src/core/hash.js';
import { steps } from './commands.js';
import type { Engine } from './engines.js';
import { play, type Run } from './play.js';

const runs: fc.Arbitrary<Run> = fc.record({
  bounds: fc.record({
    changesBytesMax: fc.constantFrom(64 * 1024 * 1024, 8_000, 1_500),
    countMax: fc.constantFrom(100_000, 25, 3),
    ageMsMax: fc.constantFrom(3_600_000, 5_000),
  }),
  steps: fc.array(steps, { minLength: 1, maxLength: 40, size: 'max' }),
});

/** How many runs a test makes, unless told otherwise by `ROLLCALL_MODEL_RUNS`. */
export function runCount(usual: number): number {
  return Number(process.env['ROLLCALL_MODEL_RUNS'] ?? usual);
}

/** `ROLLCALL_MODEL_SEED` repeats the runs of another time. */
export const seed = Number(process.env['ROLLCALL_MODEL_SEED'] ?? randomInt(2 ** 31));

/** A test takes at most this long; that is not a measurement, only so that a deadlock ends. */
const TIMEOUT_MS = 60 * 60 * 1_000;

/** Plays runs that are made up at random, on an engine of its own each. A failing one is reported as small as it gets. */
export function checkModel(engine: string, open: () => Engine, usualRuns: number): void {
  const numRuns = runCount(usualRuns);
  let xxh64: Xxh64;
  beforeAll(async () => {
    xxh64 = await loadXxh64();
    process.stderr.write(`model: ${numRuns} runs on ${engine}, ROLLCALL_MODEL_SEED=${seed}\n`);
  });

  const sentence = `every guarantee holds in ${numRuns} runs on ${engine} with seed ${seed}`;
  // A history only grows, so that what its validators find at any step they find at the end; a short run, such as a
  // failing one made small, is told apart to the step.
  const validate = (run: Run) => play(open(), run, { xxh64, validateEachStep: run.steps.length <= 10 });
  test(
    sentence,
    async () => {
      await fc.assert(
        fc.asyncProperty(runs, async (run) => void (await validate(run))),
        { numRuns, seed },
      );
    },
    TIMEOUT_MS,
  );
}
