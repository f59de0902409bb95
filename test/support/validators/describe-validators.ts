import { loadXxh64, type Xxh64 } from '../../../src/core/hash.js';
import { validateAll } from './index.js';
import { Scenario } from './scenario.js';

/** A history that is right, and what goes wrong in it: the guarantee that a validator must then see broken. */
export interface Case {
  readonly guarantee: string;
  readonly what: string;
  readonly play: (scenario: Scenario, wrong: boolean) => void;
}

/** Tests of validators: nothing is wrong with a history that is right, and the named guarantee with one that is not. */
export function describeValidators(cases: readonly Case[]): void {
  let xxh64: Xxh64;
  beforeAll(async () => {
    xxh64 = await loadXxh64();
  });

  const problemsOf = ({ play }: Case, wrong: boolean): string[] => {
    const scenario = new Scenario(xxh64);
    play(scenario, wrong);
    return validateAll({ events: [...scenario.events] }, xxh64);
  };

  it.each(cases)('$guarantee is seen to be broken when $what', (each) => {
    expect(problemsOf(each, false)).toEqual([]);
    expect(problemsOf(each, true).map((problem) => problem.split(':')[0])).toContain(each.guarantee);
  });

  it('validators see the same whether they look at a history once or as it grows', () => {
    for (const each of cases) {
      const scenario = new Scenario(xxh64);
      each.play(scenario, true);
      const grown = { events: [] as typeof scenario.events };
      for (const event of scenario.events) {
        grown.events.push(event);
        validateAll(grown, xxh64);
      }
      expect(validateAll(grown, xxh64)).toEqual(problemsOf(each, true));
    }
  });
}
