import { experimental } from '@grpc/grpc-js';
import { checkGrpcJs } from '../balancer/grpc-js-version.js';
import { registerRollcallBalancer, type BalancerConfigJson } from '../balancer/index.js';
import type { RollcallClient } from '../client/index.js';
import { invalidField } from '../core/errors.js';
import * as shape from '../core/shape.js';
import { proxyVariable } from './channel-options.js';
import { checkGrpcJsCopies } from './grpc-js-copies.js';
import { Followings } from './followings.js';
import { addClient, removeClient, type RegisteredClient } from './registered-clients.js';
import { RollcallResolver } from './rollcall-resolver.js';
import { serviceConfigsOf, type ServiceConfigInit } from './service-config.js';

/** Schemes are the same in any case, but not to grpc-js, which would have the DNS look for what it does not know. */
const SCHEMES = ['rollcall', 'Rollcall', 'ROLLCALL'];

const REPLACED_GRACE_MS_MAX = 24 * 60 * 60 * 1_000;

export interface ResolverOptions {
  /** The client answers for `rollcall://AUTHORITY/…`. Empty, the default: for `rollcall:///…`. */
  readonly authority?: string | undefined;
  /** How policy `rollcall` spreads calls. Its `zone` is that of the client unless given. */
  readonly balancing?: BalancerConfigJson | undefined;
  /**
   * Parts of the service config in place of the resolver's own; the parts that a channel's own `grpc.service_config` has
   * go before these. Methods that a `methodConfig` does not name keep the resolver's retries.
   */
  readonly serviceConfig?: ServiceConfigInit | undefined;
  /** Whether calls that a `methodConfig` does not name are made again when they end with UNAVAILABLE; true by default. */
  readonly retries?: boolean | undefined;
  /**
   * Not to refuse where another copy of grpc-js is loaded, as by a library that keeps one for itself. Stubs that use it
   * cannot resolve `rollcall:` targets. False by default.
   */
  readonly ignoreOtherGrpcJs?: boolean | undefined;
  /**
   * For so long, in milliseconds, endpoints stay that have left without being
   * known to be gone, unless they return before: those that another catalog,
   * which has replaced the first, does not list; and those whose leases have
   * lapsed, as a last resort for when nobody else is left. 60,000 by default,
   * at most a day.
   */
  readonly replacedGraceMs?: number | undefined;
}

const anyObject = shape.matching('an object', shape.isObject);

const OPTIONS = shape.objectOf<ResolverOptions>({
  authority: shape.text,
  balancing: anyObject,
  serviceConfig: anyObject,
  retries: shape.flag,
  ignoreOtherGrpcJs: shape.flag,
  replacedGraceMs: shape.milliseconds(0, REPLACED_GRACE_MS_MAX),
});

/** A registration of the resolver, which ends it. Channels that exist go on. */
export interface ResolverRegistration extends Disposable {
  /** Idempotent. */
  unregister(): void;
}

/**
 * Has `client` resolve targets of the scheme `rollcall` for every channel that
 * this process makes from now on, with grpc-js, with stubs of any kind, or with
 * nice-grpc:
 *
 * ```ts
 * registerRollcallResolver(client);
 * const greeter = new GreeterClient('rollcall:///greeter', credentials.createInsecure(), ROLLCALL_CHANNEL_OPTIONS);
 * ```
 *
 * The client stays the caller's. Channels that outlive it keep what they know.
 *
 * @throws RollcallError UNSUPPORTED_GRPC_JS for a grpc-js that is not ~1.14.5, or two copies of it; INVALID_FIELD for an
 *   option that there is not, a configuration that cannot be used, or an authority that is taken
 */
export function registerRollcallResolver(client: RollcallClient, options: ResolverOptions = {}): ResolverRegistration {
  shape.checkShape(OPTIONS, options);
  const { authority = '', balancing = {}, serviceConfig, retries = true, replacedGraceMs = 60_000 } = options;
  checkGrpcJs();
  if (options.ignoreOtherGrpcJs !== true) checkGrpcJsCopies();
  if (authority.includes('/')) throw invalidField({ field: 'authority', description: 'must not contain a /' });
  registerRollcallBalancer();

  const ours = { balancing: client.zone === '' ? balancing : { zone: client.zone, ...balancing }, retries };
  const unlessOwn = serviceConfigsOf(ours, serviceConfig);
  const entry: RegisteredClient = {
    client,
    followings: new Followings(client, replacedGraceMs),
    serviceConfigsFor: (own) =>
      own === undefined
        ? unlessOwn
        : serviceConfigsOf(ours, { ...serviceConfig, ...(JSON.parse(own) as ServiceConfigInit) }),
  };
  addClient(authority, entry);
  for (const scheme of SCHEMES) experimental.registerResolver(scheme, RollcallResolver);

  const proxy = proxyVariable(process.env);
  if (proxy !== undefined) {
    const message = `${proxy} is set: channels to rollcall: targets need ROLLCALL_CHANNEL_OPTIONS, or they go to the proxy`;
    client.logger.warn({ variable: proxy }, message);
  }
  const unregister = (): void => removeClient(authority, entry);
  return { unregister, [Symbol.dispose]: unregister };
}
