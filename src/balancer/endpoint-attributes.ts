import type { experimental } from '@grpc/grpc-js';

/** What the policy knows of an endpoint besides its addresses. */
export interface EndpointAttributes {
  /** Unique in a list; an endpoint that keeps its id and addresses keeps its connection. */
  readonly id: string;
  /** Share of calls in proportion to the others'; 0 for none. */
  readonly weight: number;
  /** Empty when it is not known. */
  readonly zone: string;
}

/**
 * Found on the endpoint objects that a resolver hands to grpc-js, which passes them to the policy by reference. (A
 * resolver's own attributes would become arguments of every connection, and a change of theirs reconnects everything.)
 */
const ATTRIBUTES = Symbol.for('rollcall.endpoint-attributes');

/** grpc-js's endpoint, with what the policy needs to know. */
export function withAttributes(
  addresses: experimental.Endpoint['addresses'],
  attributes: EndpointAttributes,
): experimental.Endpoint {
  return Object.assign({ addresses }, { [ATTRIBUTES]: attributes });
}

/** Undefined for an endpoint of another resolver, such as DNS. */
export function attributesOf(endpoint: experimental.Endpoint): EndpointAttributes | undefined {
  return (endpoint as { [ATTRIBUTES]?: EndpointAttributes })[ATTRIBUTES];
}
