import { experimental } from '@grpc/grpc-js';
import { systemClock, type Clock } from '../lib/clock.js';
import { systemRandom, type Random } from '../lib/random.js';
import { checkGrpcJs } from './grpc-js-version.js';
import { PolicyConfig, POLICY_NAME } from './policy-config.js';
import { RollcallPolicy } from './rollcall-policy.js';

/** What a policy takes from outside; the machine's unless told. */
export interface BalancerSurroundings {
  readonly clock?: Clock;
  readonly random?: Random;
}

const SUBSET_KEY_BYTES = 16;

/**
 * Makes the policy `rollcall` known to grpc-js, for all channels of the process. A second call changes nothing, unless
 * it brings surroundings, which channels made from then on take.
 *
 * @throws RollcallError UNSUPPORTED_GRPC_JS.
 */
export function registerRollcallBalancer(surroundings?: BalancerSurroundings): void {
  checkGrpcJs();
  if (surroundings === undefined && experimental.isLoadBalancerNameRegistered(POLICY_NAME)) return;
  const { clock = systemClock, random = systemRandom } = surroundings ?? {};
  // One for all channels of the process, so that they share their connections.
  const bytes = Buffer.alloc(SUBSET_KEY_BYTES);
  random.fill(bytes);
  const subsetKey = bytes.toString('hex');
  class Policy extends RollcallPolicy {
    constructor(helper: experimental.ChannelControlHelper) {
      super(helper, { clock, random, subsetKey });
    }
  }
  experimental.registerLoadBalancerType(POLICY_NAME, Policy, PolicyConfig);
}
