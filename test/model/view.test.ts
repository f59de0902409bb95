import * as fc from 'fast-check';
import { loadXxh64 } from '../../src/core/hash.js';
import { runCount, seed } from './check-model.js';
import { playViews, viewRuns } from './view-run.js';

const numRuns = runCount(1_000);

test(
  `views show what was true, never go back and recover in ${numRuns} runs with seed ${seed}`,
  async () => {
    process.stderr.write(`model: ${numRuns} runs of views, ROLLCALL_MODEL_SEED=${seed}\n`);
    const xxh64 = await loadXxh64();
    await fc.assert(
      fc.asyncProperty(viewRuns, (run) => playViews(run, xxh64)),
      { numRuns, seed },
    );
  },
  // Not a measurement, only so that a deadlock ends.
  60 * 60 * 1_000,
);
