import type { ChannelOptions, experimental, ServiceConfig } from '@grpc/grpc-js';
import { Following } from './following.js';
import { clientOf, type RegisteredClient } from './registered-clients.js';
import { parseTarget, type ServiceTarget } from './target.js';

/** After a refusal that was for good, the service is asked for again at a channel's request, no sooner than this. */
const REFUSED_PAUSE_MS = 1_000;

/**
 * Resolves `rollcall:` targets for one channel, from a view of the service.
 *
 *                 updateResolution()
 *     idle ───────────────────────────► following ──┐ a change is delivered,
 *      ▲ ▲          destroy()             │    ▲    │ once a turn of the loop
 *      │ └────────────────────────────────┤    └────┘
 *      │ destroy()                        │ refused for good
 *      └──────────── refused ◄────────────┘
 *                       └─ updateResolution(), after a pause ─► following
 *
 * While it follows, `updateResolution()` does nothing: policies ask for it
 * whenever a connection is lost, and an answer with the same list would reset
 * their backoff and have them ask again, without end.
 */
export class RollcallResolver implements experimental.Resolver {
  readonly #listener: experimental.ResolverListener;
  readonly #target: ServiceTarget;
  readonly #client: RegisteredClient;
  readonly #serviceConfig: ServiceConfig;
  #following: Following | undefined;
  #notBeforeMs = 0;

  /** @throws RollcallError INVALID_FIELD, which reaches whoever makes the channel */
  constructor(target: experimental.GrpcUri, listener: experimental.ResolverListener, channelOptions: ChannelOptions) {
    this.#listener = listener;
    this.#target = parseTarget(target);
    this.#client = clientOf(this.#target.authority);
    this.#serviceConfig = this.#client.serviceConfigFor(channelOptions['grpc.service_config']);
  }

  /** The service's name: the `:authority` of calls, and the name that a server's certificate is to have. */
  static getDefaultAuthority(target: experimental.GrpcUri): string {
    const { authority, service } = parseTarget(target);
    // The earliest moment at which a channel can be told that nobody answers for it.
    clientOf(authority);
    return service;
  }

  updateResolution(): void {
    const { clock } = this.#client.client;
    if (this.#following !== undefined || clock.monotonicMs() < this.#notBeforeMs) return;
    const following = new Following(this.#client, this.#target, {
      deliver: (result) => this.#listener(result.endpoints, {}, { ok: true, value: this.#serviceConfig }, result.note),
      refused: () => {
        if (this.#following !== following) return;
        this.#following = undefined;
        this.#notBeforeMs = clock.monotonicMs() + REFUSED_PAUSE_MS;
      },
    });
    this.#following = following;
  }

  destroy(): void {
    this.#following?.close();
    this.#following = undefined;
    this.#notBeforeMs = 0;
  }
}
