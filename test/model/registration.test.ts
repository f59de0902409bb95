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

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('register' as const),
      ttlMs: fc.constantFrom(1_000, 3_000, 15_000),
      weight,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('update' as const), which, weight }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('close' as const, 'give-up' as const), which }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.constantFrom(1, 50, 300, 1_100, 3_100, 16_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('weather' as const), weather }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('sever', 'end-streams', 'stop', 'restart', 'come-back-empty' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('rival' as const, 'forget' as const), which }) },
) as fc.Arbitrary<RegistrantStep>;

const run = fc.record({
  seed: fc.nat(),
  steps: fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
});

/** Plays a run, and returns what went wrong in it. */
async function play({
  seed: clientSeed,
  steps,
}: {
  seed: number;
  steps: readonly RegistrantStep[];
}): Promise<string[]> {
  const registrant = new Registrant(clientSeed);
  for (const taken of steps) await registrant.take(taken);
  await registrant.heal();
  await registrant.close();
  return registrant.problems;
}

const numRuns = runCount(300);

describe('registrations', () => {
  beforeAll(() => void process.stderr.write(`model: ${numRuns} runs of registrations, ROLLCALL_MODEL_SEED=${seed}\n`));

  it(
    `are in the end what the application wants, and never lapse while the server answers, in ${numRuns} runs with seed ${seed}`,
    async () => {
      const check = async (taken: { seed: number; steps: RegistrantStep[] }): Promise<void> => {
        expect(await play(taken)).toEqual([]);
      };
      await fc.assert(fc.asyncProperty(run, check), { numRuns, seed });
    },
    60 * 60 * 1_000,
  );
});
