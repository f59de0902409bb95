import type { ChannelOptions, experimental } from '@grpc/grpc-js';
import { Following } from './following.js';
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
  #following: Following | undefined;

  /** @throws RollcallError INVALID_FIELD or CLIENT_CLOSED, which reaches whoever makes the channel */
  constructor(target: experimental.GrpcUri, listener: experimental.ResolverListener, channelOptions: ChannelOptions) {
    this.#listener = listener;
    this.#target = parseTarget(target);
    this.#client = clientOf(this.#target.authority);
    this.#serviceConfigs = this.#client.serviceConfigsFor(channelOptions['grpc.service_config']);
  }

  /**
   * The service's name: the `:authority` of calls, and the name that a server's certificate is to have.
   *
   * @throws RollcallError as the constructor, which grpc-js calls later
   */
  static getDefaultAuthority(target: experimental.GrpcUri): string {
    const { authority, service } = parseTarget(target);
    clientOf(authority);
    return service;
  }

  updateResolution(): void {
    this.#following ??= new Following(this.#client, this.#target, ({ endpoints, note }) => {
      const { normal, whenEmpty } = this.#serviceConfigs;
      const value = endpoints.ok && endpoints.value.length === 0 ? whenEmpty : normal;
      // No attributes: they would become arguments of every connection, and a change of theirs reconnects everything.
      this.#listener(endpoints, {}, { ok: true, value }, note);
    });
  }

  /** A channel that goes idle does this, and asks the same object again when it wakes. */
  destroy(): void {
    this.#following?.close();
    this.#following = undefined;
  }
}
