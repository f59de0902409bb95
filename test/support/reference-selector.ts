import type { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import { LabelRequirement_Operator as Operator, type Selector } from '../../src/gen/rollcall/v1/selector.js';

/**
 * What the comments of `selector.proto` say, as directly as possible: a second
 * opinion for tests about the selectors of `src/core`. Undefined matches all.
 */
export function referenceMatches(selector: Selector | undefined, endpoint: Endpoint): boolean {
  if (selector === undefined) return true;
  const { labelRequirements, health, zones } = selector;
  const requirementsHold = labelRequirements.every(({ key, operator, values }) => {
    const found = Object.entries(endpoint.labels).find(([label]) => label === key);
    switch (operator) {
      case Operator.IN:
        return found !== undefined && values.includes(found[1]);
      case Operator.NOT_IN:
        return found === undefined || !values.includes(found[1]);
      case Operator.EXISTS:
        return found !== undefined;
      case Operator.NOT_EXISTS:
        return found === undefined;
      default:
        throw new Error(`not an operator: ${operator}`);
    }
  });
  const healthFits = health.length === 0 || health.includes(endpoint.health);
  const zoneFits = zones.length === 0 || zones.includes(endpoint.locality?.zone ?? '');
  return requirementsHold && healthFits && zoneFits;
}
