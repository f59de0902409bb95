/**
 * The load-balancing policy `rollcall` for grpc-js: weights, own zone first, subsets, slow start; connections are kept
 * while the list around them changes.
 *
 * ```ts
 * registerRollcallBalancer();
 * const serviceConfig = { loadBalancingConfig: [{ rollcall: { zone: 'eu-1a', slowStartWindow: '30s' } }] };
 * const options = { 'grpc.service_config': JSON.stringify(serviceConfig) };
 * ```
 */
export { registerRollcallBalancer } from './register-balancer.js';
export type { BalancerSurroundings } from './register-balancer.js';
export { parseBalancerConfig } from './balancer-config.js';
export type { BalancerConfig, BalancerConfigJson } from './balancer-config.js';
export { attributesOf, withAttributes } from './endpoint-attributes.js';
export type { EndpointAttributes } from './endpoint-attributes.js';
