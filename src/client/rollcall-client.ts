import { RollcallError } from '../core/errors.js';
import { DEFAULTS } from '../core/limits.js';
import { checkName } from '../core/names.js';
import { uuid7 } from '../core/uuid7.js';
import { Violations } from '../core/violations.js';
import type { ServiceSummary } from '../gen/rollcall/v1/discovery.js';
import type { Endpoint } from '../gen/rollcall/v1/endpoint.js';
import { systemClock, type Clock } from '../lib/clock.js';
import { systemRandom, type Random } from '../lib/random.js';
import { checkedEndpoint } from './check-endpoint.js';
import { checkOptions, targetOf } from './check-options.js';
import type {
  CallOptions,
  DeregisterOptions,
  FollowOptions,
  ListEndpointsOptions,
  ListOptions,
  RegisterOptions,
  RollcallClientOptions,
  WatchOptions,
} from './client-options.js';
import { closeOnSignals, type CloseOnSignalsOptions } from './close-on-signals.js';
import { Connection, type CallLimits } from './connection/connection.js';
import type { EndpointInit } from './endpoint-init.js';
import { LeaseGuard } from './registration/lease-guard.js';
import type { Link } from './connection/link.js';
import { silentLogger, type ClientLogger } from './logger.js';
import { readPages } from './read-pages.js';
import type { Registration } from './registration/registration.js';
import { Registrations } from './registration/registrations.js';
import { LastKnownGood } from './view/last-known-good.js';
import type { ServiceView } from './view/service-view.js';
import { ViewDirectory } from './view/view-directory.js';
import { ViewFeeds } from './view/view-feeds.js';
import { beginView } from './view/view-state.js';
import { ServiceWatch, type WatchContext, type WatchTarget } from './view/service-watch.js';
import type { WatchEvent } from './view/watch-event.js';

/**
 * A client of one Rollcall catalog.
 *
 * It holds one connection, made when it is first needed, to one of its servers,
 * and moves to another when that one fails or goes away. While it watches, has
 * a registration or waits for a call, it keeps the process alive; closed, it
 * leaves nothing behind. All errors that are not of an aborted signal are
 * `RollcallError`s.
 */
export class RollcallClient implements AsyncDisposable {
  /** For every call that names none. */
  readonly namespace: string;
  /** The zone that this process runs in; empty when it was not told. */
  readonly zone: string;
  readonly logger: ClientLogger;
  readonly clock: Clock;
  readonly #callTimeoutMs: number;
  readonly #random: Random;
  readonly #connection: Connection;
  readonly #watching: WatchContext;
  readonly #feeds: ViewFeeds;
  readonly #registrations: Registrations;
  #closed: Promise<void> | undefined;

  /** @throws RollcallError INVALID_FIELD for an option that there is not, or a value that is none of its */
  constructor(options: RollcallClientOptions = {}) {
    checkOptions('client', options);
    this.namespace = options.namespace || DEFAULTS.namespace;
    this.#callTimeoutMs = options.callTimeoutMs ?? 10_000;
    this.zone = options.zone ?? zoneOf(process.env['ROLLCALL_ZONE'] ?? '');
    this.logger = options.logger ?? silentLogger;
    this.clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    const shared = { logger: this.logger, clock: this.clock, random: this.#random };
    const servers = options.servers ?? serversOf(process.env['ROLLCALL_SERVER'] ?? '');
    const { credentials } = options;
    this.#connection = new Connection({ ...shared, servers, credentials });
    const guardOptions = {
      ...shared,
      servers: this.#connection.servers,
      credentials,
      loopBlockedMaxMs: options.loopBlockedMaxMs ?? 60_000,
    };
    const guard = options.renewWhileBlocked === false ? undefined : new LeaseGuard(guardOptions);
    const callTimeoutMs = this.#callTimeoutMs;
    this.#registrations = new Registrations({ ...shared, connection: this.#connection, guard, callTimeoutMs });
    this.#watching = { ...shared, connection: this.#connection };
    const { cacheDir, cacheMaxAgeMs = 24 * 60 * 60 * 1_000 } = options;
    const files = cacheDir === undefined ? undefined : new ViewDirectory(cacheDir, this.clock);
    const lastKnownGood = new LastKnownGood({ ...shared, files, maxAgeMs: cacheMaxAgeMs });
    this.#feeds = new ViewFeeds({ ...shared, connection: this.#connection, lastKnownGood });
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /**
   * Registers an endpoint and keeps it registered: renews its lease at a third
   * of the TTL, and registers it anew should the lease be lost. Resolves once
   * the registration is on the server's disk.
   *
   * @throws RollcallError INVALID_FIELD, LIMIT_EXCEEDED and others of `Register`; SERVER_UNREACHABLE or TIMED_OUT, after
   *   which the endpoint may exist until its TTL has passed; the signal's reason; CLIENT_CLOSED
   */
  async register(endpoint: EndpointInit, options: RegisterOptions = {}): Promise<Registration> {
    checkOptions('register', options);
    const id = uuid7(this.clock.wallMs(), (bytes) => this.#random.fill(bytes));
    const wanted = checkedEndpoint(endpoint, { namespace: this.namespace, id, zone: this.zone });
    return this.#registrations.register(wanted, { ...this.#limits(options), ttlMs: options.ttlMs });
  }

  /**
   * Removes an endpoint that is held by the given lease; resolves also if it is gone already.
   *
   * @returns a token: a read with it sees that the endpoint is gone
   * @throws RollcallError LEASE_MISMATCH if another registration has taken its id over, which is left alone
   */
  async deregister(options: DeregisterOptions): Promise<string> {
    checkOptions('deregister', options);
    const { service, endpointId, leaseId } = options;
    const request = { namespace: this.#namespaceOf(options), service, endpointId, leaseId };
    const { resumeToken } = await this.#call(options, ({ registry }, signal) =>
      registry.deregister(request, { signal }),
    );
    return resumeToken;
  }

  /**
   * The view of a service, kept up to date until it is closed: what there is
   * now, and every change.
   *
   * After each change it is exactly the state of the service, filtered by the
   * selector, at one revision; that is checked against the server's digest. It
   * goes on over any outage, from server to server, where it was. Views of one
   * service and selector share one stream. Owned by the caller, who closes it.
   *
   * @throws RollcallError INVALID_FIELD for names or a selector that are none; CLIENT_CLOSED
   */
  watch(service: string, options: WatchOptions = {}): ServiceView {
    if (this.#connection.closed) throw new RollcallError('CLIENT_CLOSED', 'the client was closed');
    checkOptions('watch', options);
    return this.#feeds.open(this.#target(service, options), options.signal);
  }

  /**
   * Follows a service as raw events: a snapshot, then deltas and checkpoints.
   * For programs that keep the view themselves and, with `resumeToken`, go on
   * with one from another process; others {@link watch}.
   *
   * What holds for a view holds here, after each event. It ends, without an
   * error, only when the iterator is returned, `signal` is aborted or the
   * client is closed. To be iterated once.
   *
   * @throws RollcallError INVALID_FIELD, INVALID_TOKEN and others that do not pass, if the first answer is one
   */
  follow(service: string, options: FollowOptions = {}): AsyncIterableIterator<WatchEvent> {
    checkOptions('follow', options);
    const returned = new AbortController();
    const events = this.#followUntil(this.#target(service, options), options, returned.signal);
    return {
      next: () => events.next(),
      return: async () => {
        // A generator that waits for a message would hear of its return only with the next one.
        returned.abort();
        await events.return();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * The endpoints of a service, ordered by id, read in pages as they are asked for.
   *
   * @throws RollcallError INVALID_FIELD at once for names, a selector or options that are none; as it is iterated, what
   *   a call throws
   */
  listEndpoints(service: string, options: ListEndpointsOptions = {}): AsyncGenerator<Endpoint, void, undefined> {
    checkOptions('listEndpoints', options);
    const { namespace, selector } = this.#target(service, options);
    const request = { namespace, service, selector, ...pageOptions(options) };
    return readPages(async (pageToken) => {
      const page = await this.#call(options, ({ discovery }, signal) =>
        discovery.listEndpoints({ ...request, pageToken }, { signal }),
      );
      return { items: page.endpoints, nextPageToken: page.nextPageToken };
    });
  }

  /**
   * The services of the namespace that have endpoints, ordered by name, read in pages as they are asked for.
   *
   * @throws RollcallError as {@link listEndpoints}
   */
  listServices(options: ListOptions = {}): AsyncGenerator<ServiceSummary, void, undefined> {
    checkOptions('listServices', options);
    const request = { namespace: this.#namespaceOf(options), ...pageOptions(options) };
    return readPages(async (pageToken) => {
      const page = await this.#call(options, ({ discovery }, signal) =>
        discovery.listServices({ ...request, pageToken }, { signal }),
      );
      return { items: page.services, nextPageToken: page.nextPageToken };
    });
  }

  /**
   * Closes every registration, ends every watch and call, and the connection.
   * Takes no longer than `callTimeoutMs`; endpoints that no server could be told
   * of in that time lapse with their TTL. Idempotent; never throws.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /**
   * Ends the process in good order when it is told to. To be called before the first {@link register}, so that no moment
   * is left out. At the first signal, one after the other:
   *
   * 1. all registrations are deregistered, so that callers leave;
   * 2. `propagationMs` pass, in which they learn of it, if there were any;
   * 3. `server` finishes its calls, and `drain` what else there is, for up to `timeoutMs`;
   * 4. the client is closed;
   * 5. the process ends by the same signal, unless others listen for it.
   *
   * What fails on the way is logged, and the next step follows. A second signal ends the process at once. Disposing of
   * the result leaves the signals alone again.
   *
   * @throws RollcallError INVALID_FIELD
   */
  closeOnSignals(options: CloseOnSignalsOptions = {}): Disposable {
    return closeOnSignals(
      {
        clock: this.clock,
        logger: this.logger,
        deregisterAll: () => this.#registrations.deregisterAll(),
        close: () => this.close(),
      },
      options,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async *#followUntil(
    target: WatchTarget,
    options: FollowOptions,
    returned: AbortSignal,
  ): AsyncGenerator<WatchEvent, void, undefined> {
    const scope = this.#connection.scope(returned, options.signal);
    const release = this.#connection.hold();
    try {
      yield* new ServiceWatch(target, this.#watching, beginView(options.resumeToken)).events(scope.signal);
    } finally {
      release();
      scope.unlink();
    }
  }

  #target(service: string, { namespace, selector }: WatchOptions): WatchTarget {
    return targetOf({ namespace: this.#namespaceOf({ namespace }), service }, selector);
  }

  async #close(): Promise<void> {
    const { clock } = this;
    const callTimeoutMs = this.#callTimeoutMs;
    const startMs = clock.monotonicMs();
    // Also what an application gave more time to, such as the close of a registration, ends with the connection.
    const timer = Number.isFinite(callTimeoutMs)
      ? clock.after(callTimeoutMs, () => this.#connection.close())
      : undefined;
    await this.#registrations.close();
    timer?.cancel();
    this.#connection.close();
    await this.#feeds.close(Math.max(0, callTimeoutMs - (clock.monotonicMs() - startMs)));
  }

  #call<T>(options: CallOptions, attempt: (link: Link, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#connection.call(attempt, this.#limits(options));
  }

  #limits({ signal, timeoutMs }: CallOptions): CallLimits {
    return { signal, timeoutMs: timeoutMs ?? this.#callTimeoutMs };
  }

  #namespaceOf({ namespace }: { readonly namespace?: string | undefined }): string {
    return namespace || this.namespace;
  }
}

/** The servers that ROLLCALL_SERVER names. */
function serversOf(text: string): string[] {
  const servers = text.split(',').map((server) => server.trim());
  return text.trim() === '' ? ['127.0.0.1'] : servers;
}

/** @throws RollcallError INVALID_FIELD for what ROLLCALL_ZONE says, if it is no zone */
function zoneOf(text: string): string {
  const violations = new Violations();
  checkName(violations, 'localityPart', 'ROLLCALL_ZONE', text);
  violations.throwIfAny();
  return text;
}

function pageOptions({ pageSize = 0, minToken = '' }: ListOptions) {
  return { pageSize, minToken };
}
