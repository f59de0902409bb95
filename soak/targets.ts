import { LabelRequirement_Operator as Operator, Selector } from '../src/gen/rollcall/v1/selector.js';
import { Health } from '../src/gen/rollcall/v1/endpoint.js';
import type { ServiceKey } from '../test/support/validators/history.js';

/** What can be watched: `NAMESPACE/SERVICE`, through a selector. */
export interface Target {
  readonly service: ServiceKey;
  readonly selector: Selector | undefined;
}

/** Endpoints come and go under plain calls. */
export const CALLED = ['default/orders', 'other/orders'] as const;
/** The same, each endpoint with some KiB of metadata. */
export const LARGE = 'default/bulk';
/** Endpoints are kept registered by the client library. */
export const KEPT = 'default/kept';
/** Nobody ever registers here. */
const EMPTY = 'default/empty';

export const SERVICES: readonly ServiceKey[] = [...CALLED, LARGE, KEPT, EMPTY];

const EVEN = Selector.fromPartial({ labelRequirements: [{ key: 'parity', operator: Operator.IN, values: ['even'] }] });
const HEALTHY = Selector.fromPartial({ health: [Health.HEALTHY] });
const NOT_RED = Selector.fromPartial({
  labelRequirements: [{ key: 'color', operator: Operator.NOT_IN, values: ['red'] }],
  zones: ['north', 'south'],
});

export const TARGETS: readonly Target[] = [
  { service: CALLED[0], selector: undefined },
  { service: CALLED[0], selector: EVEN },
  { service: CALLED[0], selector: HEALTHY },
  { service: CALLED[1], selector: undefined },
  { service: CALLED[1], selector: NOT_RED },
  { service: LARGE, selector: undefined },
  { service: LARGE, selector: EVEN },
  { service: KEPT, selector: undefined },
  { service: EMPTY, selector: undefined },
];

/** The namespace and the name of a service. */
export function nameOf(service: ServiceKey): { readonly namespace: string; readonly service: string } {
  const [namespace = '', name = ''] = service.split('/');
  return { namespace, service: name };
}

/** What the selectors look at, some way or other. */
export function shapeOf(pick: (below: number) => number) {
  return {
    labels: { parity: pick(2) === 0 ? 'even' : 'odd', color: ['red', 'green', 'blue'][pick(3)] ?? 'red' },
    health: [Health.HEALTHY, Health.UNHEALTHY, Health.DRAINING][pick(3)] ?? Health.HEALTHY,
    locality: { region: 'r', zone: ['north', 'south', 'west'][pick(3)] ?? 'west', subZone: '' },
    weight: pick(1_000),
  };
}
