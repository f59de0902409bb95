import { Channel, credentials, experimental, type ServiceConfig } from '@grpc/grpc-js';
import type { BalancerConfigJson } from '../balancer/index.js';
import { invalidField } from '../core/errors.js';

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

/** Failures in a row after which retries pause are half of `maxTokens`: one dead backend is not many calls to retry. */
const RETRY_THROTTLING = { maxTokens: 1_000, tokenRatio: 0.5 };

/** What goes into a service config unless it says otherwise. */
export interface ServiceConfigDefaults {
  /** Of policy `rollcall`. */
  readonly balancing: BalancerConfigJson;
  readonly retries: boolean;
}

/**
 * What the resolver gives a channel: policy `rollcall` and, for every method
 * that `own` does not name, {@link RETRY_POLICY} if there are to be retries. The other parts of `own`
 * stand in place of the resolver's.
 *
 * @throws RollcallError INVALID_FIELD for what grpc-js would refuse. Of a load-balancing configuration it would say
 *   nothing, and fall back to another policy
 */
export function serviceConfigsOf(defaults: ServiceConfigDefaults, own: ServiceConfigInit = {}): ServiceConfigs {
  const { methodConfig = [], ...rest } = own;
  const normal: ServiceConfig = {
    loadBalancingConfig: [{ rollcall: defaults.balancing }],
    retryThrottling: RETRY_THROTTLING,
    ...rest,
    methodConfig: withDefault(methodConfig.map(withTimeout), defaults.retries),
  };
  checkPolicies(normal.loadBalancingConfig);
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

const DURATION = /^(\d+)(?:\.(\d{1,9}))?s$/;

/** In JSON a timeout is a text such as `1.5s`; grpc-js reads only what it was given itself, and `1.5s` as 1 s and 5 ns. */
function withTimeout(config: MethodConfig): MethodConfig {
  const timeout: unknown = config.timeout;
  const [, seconds, fraction = ''] = (typeof timeout === 'string' && DURATION.exec(timeout)) || [];
  if (seconds === undefined) return config;
  return { ...config, timeout: { seconds: Number(seconds), nanos: Number(fraction.padEnd(9, '0')) } };
}

function checkPolicies(policies: ServiceConfig['loadBalancingConfig']): void {
  if (policies.length === 0) throw invalidField({ field: 'loadBalancingConfig', description: 'must name a policy' });
  for (const [index, policy] of policies.entries()) {
    try {
      experimental.parseLoadBalancingConfig(policy);
    } catch (error) {
      throw invalidField({ field: `loadBalancingConfig[${index}]`, description: messageOf(error) });
    }
  }
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
