import { experimental } from '@grpc/grpc-js';
import { DEFAULTS } from '../core/limits.js';
import { attributesOf } from './endpoint-attributes.js';

/** An endpoint as the resolver lists it now. */
export interface ListedEndpoint {
  readonly endpoint: experimental.Endpoint;
  /** Of its id and addresses. Where it stays the same, the connection does. */
  readonly key: string;
  readonly id: string;
  /** 0 or more, and finite. */
  readonly weight: number;
  readonly zone: string;
}

/** A resolver lists the same object as long as an endpoint does not change, which is nearly always. */
const known = new WeakMap<experimental.Endpoint, ListedEndpoint>();

/**
 * A list as calls go by it: each key once, and where nobody has a weight, all have the same. An endpoint of another
 * resolver, such as DNS, goes by its addresses, and all of those weigh the same.
 */
export function listedEndpoints(endpoints: readonly experimental.Endpoint[]): readonly ListedEndpoint[] {
  const keys = new Set<string>();
  const listed = endpoints.map(listedEndpoint).filter(({ key }) => !keys.has(key) && keys.add(key));
  return listed.some(({ weight }) => weight > 0) ? listed : listed.map((one) => ({ ...one, weight: 1 }));
}

function listedEndpoint(endpoint: experimental.Endpoint): ListedEndpoint {
  const before = known.get(endpoint);
  if (before !== undefined) return before;
  const addresses = experimental.endpointToString(endpoint);
  const { id, weight, zone } = attributesOf(endpoint) ?? { id: addresses, weight: DEFAULTS.weight, zone: '' };
  // A weight that is none would make the schedule search for ever.
  const sound = Number.isFinite(weight) && weight > 0 ? weight : 0;
  const listed = { endpoint, key: `${id}\0${addresses}`, id, weight: sound, zone };
  known.set(endpoint, listed);
  return listed;
}
