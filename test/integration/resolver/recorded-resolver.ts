import type { experimental } from '@grpc/grpc-js';
import { attributesOf } from '../../../src/balancer/index.js';
import { RollcallResolver } from '../../../src/resolver/rollcall-resolver.js';

/** What a resolver told its channel at one time. */
export interface Delivery {
  /** Undefined for an error. */
  readonly endpoints: readonly experimental.Endpoint[] | undefined;
  readonly ids: readonly string[];
  readonly attributes: object;
  readonly policy: string | undefined;
  readonly note: string;
}

/** A resolver that is asked by a test instead of a channel. */
export class RecordedResolver implements Disposable {
  readonly deliveries: Delivery[] = [];
  readonly #resolver: RollcallResolver;

  constructor(service: string, options: object = {}) {
    const listener: experimental.ResolverListener = (list, attributes, config, note) => {
      const endpoints = list.ok ? list.value : undefined;
      const ids = (endpoints ?? []).map((endpoint) => attributesOf(endpoint)?.id ?? '');
      const policies = config?.ok === true ? config.value.loadBalancingConfig : [];
      this.deliveries.push({ endpoints, ids, attributes, policy: Object.keys(policies[0] ?? {})[0], note });
      return true;
    };
    this.#resolver = new RollcallResolver({ scheme: 'rollcall', authority: '', path: service }, listener, options);
  }

  get last(): Delivery | undefined {
    return this.deliveries.at(-1);
  }

  ask(): void {
    this.#resolver.updateResolution();
  }

  destroy(): void {
    this.#resolver.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
