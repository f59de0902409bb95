import type { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import { Health, Locality } from '../../src/gen/rollcall/v1/endpoint.js';
import { LabelRequirement_Operator as Operator, Selector } from '../../src/gen/rollcall/v1/selector.js';

export const SERVICES = ['default/payments', 'default/orders'] as const;
export const TTLS_MS = [1_000, 3_000, 20_000] as const;

/** The values that selectors look at: every combination of two each, and one that is large. */
export function shapeOf(
  shape: number,
): Pick<Endpoint, 'labels' | 'health' | 'locality'> & { readonly padding: number } {
  const isLarge = shape === 12;
  return {
    labels: [{}, { v: '1' }, { v: '2', canary: '' }][shape % 3]!,
    health: shape % 2 === 0 ? Health.HEALTHY : Health.DRAINING,
    locality: Locality.fromPartial({ zone: shape % 4 < 2 ? 'eu-1' : 'eu-2' }),
    padding: isLarge ? 40_000 : 0,
  };
}

/** Metadata of a given size. */
export function paddingOf(bytes: number): Record<string, string> {
  const part = 15_000;
  const entries: Record<string, string> = {};
  for (let left = bytes, index = 0; left > 0; left -= part, index++)
    entries[`pad${index}`] = 'x'.repeat(Math.min(part, left));
  return entries;
}

const requirement = (operator: Operator, ...values: string[]) => ({ key: 'v', operator, values });

/** Two of them mean the same, and share a topic. */
export const SELECTORS: readonly (Selector | undefined)[] = [
  undefined,
  Selector.fromPartial({ health: [Health.HEALTHY] }),
  Selector.fromPartial({ zones: ['eu-1'] }),
  Selector.fromPartial({ labelRequirements: [requirement(Operator.IN, '1', '2')] }),
  Selector.fromPartial({ labelRequirements: [requirement(Operator.IN, '2', '1', '2')] }),
  Selector.fromPartial({
    labelRequirements: [requirement(Operator.NOT_IN, '1')],
    health: [Health.HEALTHY, Health.DRAINING],
  }),
  Selector.fromPartial({ labelRequirements: [requirement(Operator.EXISTS)], zones: ['eu-2'] }),
  Selector.fromPartial({ labelRequirements: [requirement(Operator.NOT_EXISTS)] }),
];
