import { Channel, credentials, experimental, type ServiceConfig } from '@grpc/grpc-js';
import { parseGrpcDuration } from '../balancer/grpc-duration.js';
import type { BalancerConfigJson } from '../balancer/index.js';
import { invalidField } from '../core/errors.js';
import { messageOf } from '../lib/message-of.js';

/** A service config of which any part may be left out. */
export type ServiceConfigInit = Partial<ServiceConfig>;

/** What a channel is told to do with a service. */
export interface ServiceConfigs {
  readonly normal: ServiceConfig;
  /**
   * For an empty list. Policy `rollcall` then fails calls at once and says why; of grpc-js's own, pick_first goes on
   * with a connection to what was removed, and round_robin has calls wait for their deadline.
   */
  readonly whenEmpty: ServiceConfig;
}

type MethodConfig = ServiceConfig['methodConfig'][number];

/**
 * Calls that a backend did not answer because it, or the connection to it,
 * went away are made again, elsewhere: up to four attempts within half a
 * second. (grpc-js retries a server stream only before its first message.)
 *
 * A call that was lost with its connection may have been executed. Where that
 * matters, name the methods that are not safe to repeat in a `methodConfig`
 * without a `retryPolicy`; the others keep this one.
 */
export const RETRY_POLICY = {
  maxAttempts: 4,
  initialBackoff: '0.02s',
  maxBackoff: '0.5s',
  backoffMultiplier: 3,
  retryableStatusCodes: ['UNAVAILABLE'],
};

/** What goes into a service config unless it says otherwise. */
export interface ServiceConfigDefaults {
  /** Of policy `rollcall`. */
  readonly balancing: BalancerConfigJson;
  readonly retries: boolean;
}

/**
 * What the resolver gives a channel: policy `rollcall` and, for every method
 * that `own` does not name, {@link RETRY_POLICY} if there are to be retries.
 * The other parts of `own` stand in place of the resolver's.
 *
 * @throws RollcallError INVALID_FIELD for what grpc-js would refuse. Of a load-balancing configuration it would say
 *   nothing, and fall back to another policy
 */
export function serviceConfigsOf(defaults: ServiceConfigDefaults, own: ServiceConfigInit = {}): ServiceConfigs {
  const { methodConfig = [], loadBalancingConfig = [{ rollcall: {} }], ...rest } = own;
  // No retryThrottling: with the most that it allows, no call is made again once 500 were lost, as with one backend.
  const normal: ServiceConfig = {
    ...rest,
    loadBalancingConfig: withBalancing(loadBalancingConfig, defaults.balancing),
    methodConfig: withDefault(methodConfig.map(withTimeout), defaults.retries),
  };
  checkPolicies(normal.loadBalancingConfig, 'loadBalancingConfig');
  checkMethods(normal);
  const failsWhenEmpty = 'rollcall' in normal.loadBalancingConfig[0]!;
  const whenEmpty = failsWhenEmpty ? normal : { ...normal, loadBalancingConfig: [{ rollcall: {} }] };
  return { normal, whenEmpty };
}

function withDefault(methodConfig: MethodConfig[], retries: boolean): MethodConfig[] {
  const isDefault = ({ name }: MethodConfig) => name.some(({ service = '' }) => service === '');
  return !retries || methodConfig.some(isDefault)
    ? methodConfig
    : [...methodConfig, { name: [{}], retryPolicy: RETRY_POLICY }];
}

/** In JSON a timeout is a text such as `1.5s`, which grpc-js takes only where it was given it itself. */
function withTimeout(config: MethodConfig): MethodConfig {
  const timeout = parseGrpcDuration(config.timeout);
  return timeout === undefined ? config : { ...config, timeout };
}

type Policies = ServiceConfig['loadBalancingConfig'];

/** Policies around others, such as outlier_detection, have those here. */
const CHILD_POLICY = 'child_policy';

/** Each `rollcall` in it, however deep, with `balancing` where it says nothing itself. */
function withBalancing(policies: Policies, balancing: BalancerConfigJson): Policies {
  if (!Array.isArray(policies)) return policies;
  return policies.map((policy) => {
    const entries = Object.entries(policy).map(([name, config]) => {
      if (name === 'rollcall') return [name, { ...balancing, ...config }] as const;
      const children = childPoliciesOf(config);
      return [
        name,
        children === undefined ? config : { ...config, [CHILD_POLICY]: withBalancing(children, balancing) },
      ];
    });
    return Object.fromEntries(entries) as Policies[number];
  });
}

function checkPolicies(policies: Policies, field: string): void {
  if (!Array.isArray(policies) || policies.length === 0) {
    throw invalidField({ field, description: 'must be a list that names a policy' });
  }
  for (const [index, policy] of policies.entries()) {
    // The inner ones first: of these, grpc-js would only say that none is good.
    for (const [name, config] of Object.entries(policy)) {
      const children = childPoliciesOf(config);
      if (children !== undefined) checkPolicies(children, `${field}[${index}].${name}.${CHILD_POLICY}`);
    }
    try {
      experimental.parseLoadBalancingConfig(policy);
    } catch (error) {
      throw invalidField({ field: `${field}[${index}]`, description: messageOf(error) });
    }
  }
}

function childPoliciesOf(config: object): Policies | undefined {
  return (config as { [CHILD_POLICY]?: Policies } | null)?.[CHILD_POLICY];
}

/** grpc-js checks the rest of a service config where a channel is given one, and nowhere else; so one is. */
function checkMethods(config: ServiceConfig): void {
  const options = { 'grpc.service_config': JSON.stringify(config), 'grpc.enable_channelz': 0 };
  try {
    new Channel('ipv4:127.0.0.1:1', credentials.createInsecure(), options).close();
  } catch (error) {
    throw invalidField({ field: 'serviceConfig', description: messageOf(error) });
  }
}
