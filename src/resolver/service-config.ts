import { experimental, type ServiceConfig } from '@grpc/grpc-js';
import type { BalancerConfigJson } from '../balancer/index.js';
import { invalidField } from '../core/errors.js';

/** A service config of which any part may be left out. */
export type ServiceConfigInit = Partial<ServiceConfig>;

/**
 * Calls that a backend did not answer because it, or the connection to it,
 * went away are made again, elsewhere: up to four attempts within half a
 * second. (grpc-js retries a server stream only before its first message.)
 *
 * A call that was lost with its connection may have been executed. Where that
 * matters, name the methods that are not safe to repeat in a `methodConfig`
 * without a `retryPolicy`.
 */
export const RETRY_POLICY = {
  maxAttempts: 4,
  initialBackoff: '0.02s',
  maxBackoff: '0.5s',
  backoffMultiplier: 3,
  retryableStatusCodes: ['UNAVAILABLE'],
};

/** Failures in a row after which retries pause are half of `maxTokens`: one dead backend is not many calls to retry. */
const RETRY_THROTTLING = { maxTokens: 1_000, tokenRatio: 0.5 };

/**
 * What the resolver gives a channel: policy `rollcall` and {@link RETRY_POLICY}
 * for every method, with the parts that `own` names in their place.
 *
 * @throws RollcallError INVALID_FIELD for a load-balancing configuration that
 *   grpc-js would refuse: it would fall back to another policy, and say nothing
 */
export function serviceConfigOf(balancing: BalancerConfigJson, own: ServiceConfigInit = {}): ServiceConfig {
  const config = {
    loadBalancingConfig: [{ rollcall: balancing }],
    methodConfig: [{ name: [{}], retryPolicy: RETRY_POLICY }],
    retryThrottling: RETRY_THROTTLING,
    ...own,
  };
  if (config.loadBalancingConfig.length === 0) {
    throw invalidField({ field: 'loadBalancingConfig', description: 'must name a policy' });
  }
  for (const [index, policy] of config.loadBalancingConfig.entries()) {
    try {
      experimental.parseLoadBalancingConfig(policy);
    } catch (error) {
      const description = error instanceof Error ? error.message : String(error);
      throw invalidField({ field: `loadBalancingConfig[${index}]`, description });
    }
  }
  return config;
}
