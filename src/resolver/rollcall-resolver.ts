import type { ChannelOptions, experimental } from '@grpc/grpc-js';
import { clientOf, type RegisteredClient } from './registered-clients.js';
import type { ServiceConfigs } from './service-config.js';
import { parseTarget, type ServiceTarget } from './target.js';

/**
 * Resolves `rollcall:` targets for one channel, from a view of the service.
 *
 *              updateResolution()
 *     idle ─────────────────────────► following ──┐ a change is delivered,
 *      ▲                                │    ▲    │ once a turn of the loop
 *      └────────────────────────────────┘    └────┘
 *                  destroy()
 *
 * While it follows, `updateResolution()` does nothing: policies ask for it
 * whenever a connection is lost, and an answer with the same list would reset
 * their backoff and have them ask again, without end.
 */
export class RollcallResolver implements experimental.Resolver {
  readonly #listener: experimental.ResolverListener;
  readonly #target: ServiceTarget;
  readonly #client: RegisteredClient;
  readonly #serviceConfigs: ServiceConfigs;
  #detach: (() => void) | undefined;

  /** @throws RollcallError INVALID_FIELD or CLIENT_CLOSED, which reaches whoever makes the channel */
  constructor(target: experimental.GrpcUri, listener: experimental.ResolverListener, channelOptions: ChannelOptions) {
    this.#listener = listener;
    this.#target = parseTarget(target);
    this.#client = clientOf(this.#target.authority);
    this.#serviceConfigs = this.#client.serviceConfigsFor(channelOptions['grpc.service_config']);
  }

  /**
   * The service's name: the `:authority` of calls, and the name that a server's certificate is to have. grpc-js asks
   * for it again with each new connection, whoever answers for the target by then.
   *
   * @throws RollcallError INVALID_FIELD
   */
  static getDefaultAuthority(target: experimental.GrpcUri): string {
    return parseTarget(target).service;
  }

  updateResolution(): void {
    this.#detach ??= this.#client.followings.attach(this.#target, ({ endpoints, note }) => {
      const { normal, whenEmpty } = this.#serviceConfigs;
      const value = endpoints.ok && endpoints.value.length === 0 ? whenEmpty : normal;
      // No attributes: they would become arguments of every connection, and a change of theirs reconnects everything.
      this.#listener(endpoints, {}, { ok: true, value }, note);
    });
  }

  /** A channel that goes idle does this, and asks the same object again when it wakes. */
  destroy(): void {
    this.#detach?.();
    this.#detach = undefined;
  }
}
