import { Health, type Endpoint } from '../gen/rollcall/v1/endpoint.js';
import { LabelRequirement_Operator as Operator, Selector, type LabelRequirement } from '../gen/rollcall/v1/selector.js';
import { LIMITS } from './limits.js';
import { checkName } from './names.js';
import type { Violations } from './violations.js';

/**
 * A selector in its canonical form: requirements sorted, values sorted and
 * without repetition. Selectors that mean the same in another order have the
 * same `key`, which is what topics are shared by.
 */
export interface CanonicalSelector {
  /** Equal for equal selectors; empty for the one that matches everything. */
  readonly key: string;
  matches(endpoint: Endpoint): boolean;
}

export const MATCH_ALL: CanonicalSelector = { key: '', matches: () => true };

/** Checks what a client sent as a selector. Adds to `violations`; the result is only good if none were added. */
export function checkSelector(violations: Violations, input: Selector | undefined, field: string): CanonicalSelector {
  if (input === undefined) return MATCH_ALL;
  const { labelRequirements, health, zones } = input;
  const size = Selector.encode(input).finish().length;
  const sized = [
    violations.check(
      size <= LIMITS.selectorBytesMax,
      field,
      `must encode to at most ${LIMITS.selectorBytesMax} bytes, not ${size}`,
    ),
    violations.check(
      labelRequirements.length <= LIMITS.labelRequirementsMax,
      `${field}.label_requirements`,
      `at most ${LIMITS.labelRequirementsMax}`,
    ),
    violations.check(
      health.length <= LIMITS.selectorHealthMax,
      `${field}.health`,
      `at most ${LIMITS.selectorHealthMax}`,
    ),
    violations.check(zones.length <= LIMITS.selectorZonesMax, `${field}.zones`, `at most ${LIMITS.selectorZonesMax}`),
  ];
  if (sized.includes(false)) return MATCH_ALL;

  for (const [index, requirement] of labelRequirements.entries()) {
    checkRequirement(violations, requirement, `${field}.label_requirements[${index}]`);
  }
  for (const [index, value] of health.entries()) {
    const known = value >= Health.HEALTHY && value <= Health.SUSPECT;
    violations.check(known, `${field}.health[${index}]`, 'must be HEALTHY, UNHEALTHY, DRAINING or SUSPECT');
  }
  for (const [index, zone] of zones.entries()) {
    checkName(violations, 'localityPart', `${field}.zones[${index}]`, zone);
  }
  return violations.none ? canonicalSelector(input) : MATCH_ALL;
}

/** The canonical form of a selector that is known to be valid. */
export function canonicalSelector(selector: Selector): CanonicalSelector {
  const requirements = [
    ...new Map(
      selector.labelRequirements.map(({ key, operator, values }) => {
        const canonical = { key, operator, values: sortedUnique(values) };
        return [JSON.stringify([key, operator, canonical.values]), canonical];
      }),
    ),
  ].sort(([a], [b]) => compare(a, b));
  const health = [...new Set(selector.health)].sort((a, b) => a - b);
  const zones = sortedUnique(selector.zones);
  if (requirements.length + health.length + zones.length === 0) return MATCH_ALL;

  const predicates = requirements.map(([, requirement]) => labelPredicate(requirement));
  return {
    key: JSON.stringify([requirements.map(([key]) => key), health, zones]),
    matches: (endpoint) =>
      (health.length === 0 || health.includes(endpoint.health)) &&
      (zones.length === 0 || zones.includes(endpoint.locality?.zone ?? '')) &&
      predicates.every((matches) => matches(endpoint.labels)),
  };
}

function checkRequirement(violations: Violations, { key, operator, values }: LabelRequirement, field: string): void {
  checkName(violations, 'labelKey', `${field}.key`, key);
  switch (operator) {
    case Operator.IN:
    case Operator.NOT_IN:
      violations.check(
        values.length >= 1 && values.length <= LIMITS.labelRequirementValuesMax,
        `${field}.values`,
        `1–${LIMITS.labelRequirementValuesMax} values are required`,
      );
      for (const [index, value] of values.entries()) {
        violations.check(
          Buffer.byteLength(value) <= LIMITS.labelValueBytesMax,
          `${field}.values[${index}]`,
          `must be at most ${LIMITS.labelValueBytesMax} bytes`,
        );
      }
      return;
    case Operator.EXISTS:
    case Operator.NOT_EXISTS:
      violations.check(values.length === 0, `${field}.values`, 'must be empty for EXISTS and NOT_EXISTS');
      return;
    default:
      violations.add(`${field}.operator`, 'must be IN, NOT_IN, EXISTS or NOT_EXISTS');
  }
}

function labelPredicate({ key, operator, values }: LabelRequirement): (labels: Endpoint['labels']) => boolean {
  const wanted = new Set(values);
  switch (operator) {
    case Operator.IN:
      return (labels) => Object.hasOwn(labels, key) && wanted.has(labels[key]!);
    case Operator.NOT_IN:
      return (labels) => !Object.hasOwn(labels, key) || !wanted.has(labels[key]!);
    case Operator.EXISTS:
      return (labels) => Object.hasOwn(labels, key);
    case Operator.NOT_EXISTS:
      return (labels) => !Object.hasOwn(labels, key);
    default:
      throw new Error(`unknown operator ${operator}`);
  }
}

function sortedUnique(values: readonly string[]): string[] {
  return [...new Set(values)].sort(compare);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
