import * as fc from 'fast-check';
import { Endpoint, Health, Locality } from '../../src/gen/rollcall/v1/endpoint.js';
import {
  LabelRequirement_Operator as Operator,
  type LabelRequirement,
  type Selector,
} from '../../src/gen/rollcall/v1/selector.js';

/** Few enough that selectors and endpoints meet, and some that would break a careless encoding. */
const labelKey = fc.constantFrom('version', 'tier', 'a', 'toString');
const labelValue = fc.constantFrom('v1', 'v2', '', 'a","b', 'toString');
const zone = fc.constantFrom('eu-1', 'eu-2', '');
const health = fc.constantFrom(Health.HEALTHY, Health.UNHEALTHY, Health.DRAINING);

const labelRequirement: fc.Arbitrary<LabelRequirement> = fc.oneof(
  fc.record({
    key: labelKey,
    operator: fc.constantFrom(Operator.IN, Operator.NOT_IN),
    values: fc.array(labelValue, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    key: labelKey,
    operator: fc.constantFrom(Operator.EXISTS, Operator.NOT_EXISTS),
    values: fc.constant<string[]>([]),
  }),
);

/** Valid selectors. */
export const selectors: fc.Arbitrary<Selector> = fc.record({
  labelRequirements: fc.array(labelRequirement, { maxLength: 3 }),
  health: fc.array(health, { maxLength: 3 }),
  zones: fc.array(zone, { maxLength: 3 }),
});

/** Endpoints as they are stored, for selectors to match. */
export const endpoints: fc.Arbitrary<Endpoint> = fc
  .record({
    id: fc.constantFrom('e0', 'e1', 'e2', 'e3'),
    labels: fc.dictionary(labelKey, labelValue, { maxKeys: 3 }),
    health,
    zone: fc.option(zone, { nil: undefined }),
    modRevision: fc.integer({ min: 1, max: 2 ** 53 - 1 }),
  })
  .map(({ id, labels, health: stored, zone: inZone, modRevision }) =>
    Endpoint.fromPartial({
      namespace: 'default',
      service: 'payments',
      id,
      addresses: [{ host: '10.0.0.1', port: 80 }],
      weight: 100,
      labels,
      health: stored,
      ...(inZone === undefined ? {} : { locality: Locality.fromPartial({ zone: inZone }) }),
      createRevision: 1,
      modRevision,
    }),
  );
