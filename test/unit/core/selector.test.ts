import * as fc from 'fast-check';
import { LIMITS } from '../../../src/core/limits.js';
import { canonicalSelector, checkSelector, MATCH_ALL } from '../../../src/core/selector.js';
import { Violations } from '../../../src/core/violations.js';
import { Endpoint, Health } from '../../../src/gen/rollcall/v1/endpoint.js';
import { LabelRequirement_Operator as Operator, Selector } from '../../../src/gen/rollcall/v1/selector.js';
import { endpoints, selectors } from '../../support/arbitraries.js';
import { referenceMatches } from '../../support/reference-selector.js';

/** Whether each of `a` has its like among `b`, and the other way round. */
function sameSet<T>(a: readonly T[], b: readonly T[], alike: (x: T, y: T) => boolean = Object.is): boolean {
  return a.every((x) => b.some((y) => alike(x, y))) && b.every((y) => a.some((x) => alike(x, y)));
}

function meansTheSame(a: Selector, b: Selector): boolean {
  return (
    sameSet(a.health, b.health) &&
    sameSet(a.zones, b.zones) &&
    sameSet(
      a.labelRequirements,
      b.labelRequirements,
      (x, y) => x.key === y.key && x.operator === y.operator && sameSet(x.values, y.values),
    )
  );
}

/** The same selector in another order, with repetitions. */
function shuffled(selector: Selector): fc.Arbitrary<Selector> {
  const mixed = <T>(items: readonly T[]) =>
    fc
      .array(fc.constantFrom(...(items as readonly [T, ...T[]])), { maxLength: items.length === 0 ? 0 : 3 })
      .chain((again) => {
        const all = [...items, ...again];
        return fc.shuffledSubarray(all, { minLength: all.length });
      });
  const orNone = <T>(items: readonly T[]) => (items.length === 0 ? fc.constant<T[]>([]) : mixed(items));
  const requirements = selector.labelRequirements.map(({ key, operator, values }) =>
    fc.record({ key: fc.constant(key), operator: fc.constant(operator), values: orNone(values) }),
  );
  return fc.record({
    labelRequirements: fc.tuple(...requirements).chain((all) => orNone(all)),
    health: orNone(selector.health),
    zones: orNone(selector.zones),
  });
}

function fieldsOf(input: Selector | undefined): string[] {
  const violations = new Violations();
  checkSelector(violations, input, 'selector');
  try {
    violations.throwIfAny();
  } catch (error) {
    return (error as { violations: { field: string }[] }).violations.map(({ field }) => field);
  }
  return [];
}

const requirement = (key: string, operator: Operator, ...values: string[]) => ({ key, operator, values });
const withLabels = (labels: Record<string, string>) =>
  Endpoint.fromPartial({ id: 'a', labels, health: Health.HEALTHY });
const matches = (selector: Partial<Selector>, endpoint: Endpoint) =>
  canonicalSelector(Selector.fromPartial(selector)).matches(endpoint);

describe('the canonical form of a selector', () => {
  it('has the same key for the same requirements in any order and number', () => {
    fc.assert(
      fc.property(
        selectors.chain((selector) => fc.tuple(fc.constant(selector), shuffled(selector))),
        ([selector, twin]) => {
          expect(canonicalSelector(twin).key).toBe(canonicalSelector(selector).key);
        },
      ),
    );
  });

  it('has the same key exactly for equal sets of requirements', () => {
    fc.assert(
      fc.property(selectors, selectors, (a, b) => {
        expect(canonicalSelector(a).key === canonicalSelector(b).key).toBe(meansTheSame(a, b));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is that of no selector when nothing is required', () => {
    expect(canonicalSelector(Selector.fromPartial({}))).toBe(MATCH_ALL);
    expect(MATCH_ALL.key).toBe('');
    expect(checkSelector(new Violations(), undefined, 'selector')).toBe(MATCH_ALL);
  });
});

describe('a selector', () => {
  it('matches what the comments of its proto say', () => {
    fc.assert(
      fc.property(selectors, endpoints, (selector, endpoint) => {
        expect(canonicalSelector(selector).matches(endpoint)).toBe(referenceMatches(selector, endpoint));
      }),
      { numRuns: 1_000 },
    );
  });

  it('with NOT_IN matches an endpoint that lacks the label, with IN and EXISTS it does not', () => {
    const bare = withLabels({});
    expect(matches({ labelRequirements: [requirement('v', Operator.NOT_IN, '1')] }, bare)).toBe(true);
    expect(matches({ labelRequirements: [requirement('v', Operator.NOT_EXISTS)] }, bare)).toBe(true);
    expect(matches({ labelRequirements: [requirement('v', Operator.IN, '1')] }, bare)).toBe(false);
    expect(matches({ labelRequirements: [requirement('v', Operator.EXISTS)] }, bare)).toBe(false);
  });

  it('takes an empty value for a value', () => {
    const empty = withLabels({ v: '' });
    expect(matches({ labelRequirements: [requirement('v', Operator.EXISTS)] }, empty)).toBe(true);
    expect(matches({ labelRequirements: [requirement('v', Operator.IN, '')] }, empty)).toBe(true);
    expect(matches({ labelRequirements: [requirement('v', Operator.NOT_IN, '')] }, empty)).toBe(false);
  });

  it('does not take what every object has for a label', () => {
    for (const key of ['toString', 'constructor', 'hasOwnProperty']) {
      expect(matches({ labelRequirements: [requirement(key, Operator.EXISTS)] }, withLabels({}))).toBe(false);
      expect(matches({ labelRequirements: [requirement(key, Operator.NOT_IN, 'x')] }, withLabels({}))).toBe(true);
    }
  });

  it('needs every part that is set to match', () => {
    const endpoint = Endpoint.fromPartial({ labels: { v: '1' }, health: Health.DRAINING, locality: { zone: 'z1' } });
    const all = {
      labelRequirements: [requirement('v', Operator.IN, '1')],
      health: [Health.DRAINING],
      zones: ['z0', 'z1'],
    };
    expect(matches(all, endpoint)).toBe(true);
    expect(matches({ ...all, health: [Health.HEALTHY] }, endpoint)).toBe(false);
    expect(matches({ ...all, zones: ['z2'] }, endpoint)).toBe(false);
    expect(matches({ ...all, labelRequirements: [requirement('v', Operator.IN, '2')] }, endpoint)).toBe(false);
  });

  it('sees an endpoint without a locality in the zone without a name', () => {
    expect(matches({ zones: [''] }, withLabels({}))).toBe(true);
    expect(matches({ zones: ['z1'] }, withLabels({}))).toBe(false);
  });
});

describe('a selector from a client', () => {
  const many = <T>(count: number, item: T) => Array.from({ length: count }, () => item);
  const valid = requirement('v', Operator.EXISTS);

  it('is taken at every limit and refused one beyond, with the path of the field', () => {
    const { labelRequirementsMax, selectorHealthMax, selectorZonesMax, labelRequirementValuesMax } = LIMITS;
    const select = (partial: Partial<Selector>) => fieldsOf(Selector.fromPartial(partial));
    const values = (count: number) => requirement('v', Operator.IN, ...many(count, 'x'));
    const value = (bytes: number) => requirement('v', Operator.IN, 'é'.repeat(bytes / 2) + 'x'.repeat(bytes % 2));
    expect(select({ labelRequirements: many(labelRequirementsMax, valid) })).toEqual([]);
    expect(select({ labelRequirements: many(labelRequirementsMax + 1, valid) })).toEqual([
      'selector.label_requirements',
    ]);
    expect(select({ health: many(selectorHealthMax, Health.HEALTHY) })).toEqual([]);
    expect(select({ health: many(selectorHealthMax + 1, Health.HEALTHY) })).toEqual(['selector.health']);
    expect(select({ zones: many(selectorZonesMax, 'z') })).toEqual([]);
    expect(select({ zones: many(selectorZonesMax + 1, 'z') })).toEqual(['selector.zones']);
    expect(select({ labelRequirements: [values(labelRequirementValuesMax)] })).toEqual([]);
    const at = 'selector.label_requirements[0].values';
    expect(select({ labelRequirements: [values(labelRequirementValuesMax + 1)] })).toEqual([at]);
    expect(select({ labelRequirements: [value(LIMITS.labelValueBytesMax)] })).toEqual([]);
    expect(select({ labelRequirements: [value(LIMITS.labelValueBytesMax + 1)] })).toEqual([`${at}[0]`]);
  });

  it('is refused when an operator and its values do not belong together', () => {
    const at = 'selector.label_requirements[1]';
    const second = (broken: ReturnType<typeof requirement>) =>
      fieldsOf(Selector.fromPartial({ labelRequirements: [valid, broken] }));
    expect(second(requirement('v', Operator.IN))).toEqual([`${at}.values`]);
    expect(second(requirement('v', Operator.NOT_IN))).toEqual([`${at}.values`]);
    expect(second(requirement('v', Operator.EXISTS, 'x'))).toEqual([`${at}.values`]);
    expect(second(requirement('v', Operator.NOT_EXISTS, 'x'))).toEqual([`${at}.values`]);
    expect(second(requirement('v', Operator.UNSPECIFIED))).toEqual([`${at}.operator`]);
    expect(second(requirement('v', 77 as Operator))).toEqual([`${at}.operator`]);
    expect(second(requirement('', Operator.EXISTS))).toEqual([`${at}.key`]);
  });

  it('is refused for a state of health or a zone that cannot be', () => {
    expect(fieldsOf(Selector.fromPartial({ health: [Health.HEALTHY, Health.UNSPECIFIED] }))).toEqual([
      'selector.health[1]',
    ]);
    expect(fieldsOf(Selector.fromPartial({ health: [99 as Health] }))).toEqual(['selector.health[0]']);
    expect(fieldsOf(Selector.fromPartial({ health: [Health.SUSPECT], zones: ['a b'] }))).toEqual(['selector.zones[0]']);
  });
});
