import * as fc from 'fast-check';
import { runCount, seed } from './check-model.js';
import { Registrant, type RegistrantStep } from './registrant.js';
import type { Weather } from './registry-double.js';

const which = fc.nat({ max: 4 });
const weight = fc.integer({ min: 1, max: 9 });

const weather: fc.Arbitrary<Weather> = fc.oneof(
  fc.constant<Weather>({ kind: 'fine' }),
  fc.constantFrom<Weather>({ kind: 'requests-lost' }, { kind: 'answers-lost' }, { kind: 'streamless' }),
  fc.constantFrom(37, 411, 1_537, 4_001, 7_003).map((ms): Weather => ({ kind: 'slow', ms })),
  fc
    .constantFrom('STORE_UNAVAILABLE', 'OVERLOADED', 'SHUTTING_DOWN', 'LIMIT_EXCEEDED', 'INTERNAL' as const)
    .map((reason): Weather => ({ kind: 'refusing', reason })),
);

const register = fc.record({
  do: fc.constant('register' as const),
  ttlMs: fc.constantFrom(1_000, 3_000, 15_000),
  weight,
});
const update = fc.record({ do: fc.constant('update' as const), which, weight });
const leave = fc.record({ do: fc.constantFrom('close' as const, 'give-up' as const), which });
const advance = fc.record({
  do: fc.constant('advance' as const),
  ms: fc.constantFrom(1, 50, 300, 1_100, 3_100, 16_000),
});
const change = fc.record({ do: fc.constant('weather' as const), weather });
const blow = fc.record({
  do: fc.constantFrom(...(['sever', 'end-streams', 'stop', 'restart', 'come-back-empty'] as const)),
});
const meddle = fc.record({ do: fc.constantFrom('rival' as const, 'forget' as const), which });
const slowly = fc.record({
  do: fc.constant('weather' as const),
  weather: fc.constantFrom(0, 37, 411, 1_537).map((ms): Weather => ({ kind: 'slow', ms })),
});

interface Run {
  readonly seed: number;
  readonly steps: readonly RegistrantStep[];
}

const runOf = (step: fc.Arbitrary<RegistrantStep>): fc.Arbitrary<Run> =>
  fc.record({ seed: fc.nat(), steps: fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }) });

/** Whatever can go wrong. */
const stormy = runOf(
  fc.oneof(
    { weight: 3, arbitrary: register },
    { weight: 3, arbitrary: update },
    { weight: 1, arbitrary: leave },
    { weight: 6, arbitrary: advance },
    { weight: 3, arbitrary: change },
    { weight: 3, arbitrary: blow },
    { weight: 1, arbitrary: meddle },
  ),
);

/** All that is asked is answered, if slowly. */
const slow = runOf(fc.oneof(register, update, leave, advance, slowly));

/** Plays a run, and returns what went wrong in it. */
async function play({ seed: clientSeed, steps }: Run, { healed }: { readonly healed: boolean }): Promise<string[]> {
  const registrant = new Registrant(clientSeed);
  for (const step of steps) await registrant.take(step);
  if (healed) await registrant.heal();
  await registrant.close();
  return registrant.problems;
}

const numRuns = runCount(300);

/** That is not a measurement, only so that a deadlock ends. */
const TIMEOUT_MS = 60 * 60 * 1_000;

describe('registrations', () => {
  beforeAll(() => void process.stderr.write(`model: ${numRuns} runs of registrations, ROLLCALL_MODEL_SEED=${seed}\n`));

  it(
    `are in the end what the application wants, and never lapse while the server answers, in ${numRuns} runs with seed ${seed}`,
    async () => {
      const check = async (run: Run): Promise<void> => expect(await play(run, { healed: true })).toEqual([]);
      await fc.assert(fc.asyncProperty(stormy, check), { numRuns, seed });
    },
    TIMEOUT_MS,
  );

  it(
    `leave nothing behind when they are closed, whatever is under way, in ${numRuns} runs with seed ${seed}`,
    async () => {
      const check = async (run: Run): Promise<void> => expect(await play(run, { healed: false })).toEqual([]);
      await fc.assert(fc.asyncProperty(slow, check), { numRuns, seed });
    },
    TIMEOUT_MS,
  );
});
