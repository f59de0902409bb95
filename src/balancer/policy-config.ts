import type { experimental } from '@grpc/grpc-js';
import { parseBalancerConfig, type BalancerConfig, type BalancerConfigJson } from './balancer-config.js';

/** The name of the policy in a service config. */
export const POLICY_NAME = 'rollcall';

/** A configuration in the form that grpc-js hands around. */
export class PolicyConfig implements experimental.TypedLoadBalancingConfig {
  readonly settings: BalancerConfig;
  readonly #json: BalancerConfigJson;

  constructor(settings: BalancerConfig, json: BalancerConfigJson) {
    this.settings = settings;
    this.#json = json;
  }

  /** @throws RollcallError INVALID_FIELD. grpc-js takes that for "try the next policy in the list". */
  static createFromJson(json: unknown): PolicyConfig {
    return new PolicyConfig(parseBalancerConfig(json), json as BalancerConfigJson);
  }

  getLoadBalancerName(): string {
    return POLICY_NAME;
  }

  toJsonObject(): object {
    return { [POLICY_NAME]: this.#json };
  }
}
