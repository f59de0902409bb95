import { setMaxListeners } from 'node:events';
import { toDuration, toMs } from '../../src/core/duration.js';
import { RollcallError, type Reason } from '../../src/core/errors.js';
import type { Dial, DialOptions, Link } from '../../src/client/connection/link.js';
import { DEFAULTS } from '../../src/core/limits.js';
import type { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import type {
  DeregisterRequest,
  DeregisterResponse,
  KeepAliveRequest,
  KeepAliveResponse,
  LeaseRenewal,
  RegisterRequest,
  RegisterResponse,
  RenewRequest,
  UpdateEndpointRequest,
  UpdateEndpointResponse,
} from '../../src/gen/rollcall/v1/registry.js';
import type { Clock, Timer } from '../../src/lib/clock.js';
import { sleep } from '../../src/lib/sleep.js';

/** What becomes of calls, and of attempts to connect. */
export type Weather =
  | { readonly kind: 'fine' }
  /** Nothing arrives, and connections are not answered. */
  | { readonly kind: 'requests-lost' }
  /** What was asked is done, and the answer does not arrive. */
  | { readonly kind: 'answers-lost' }
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'refusing'; readonly reason: Reason }
  /** No KeepAlive stream can be held. */
  | { readonly kind: 'streamless' };

interface Held {
  readonly endpoint: Endpoint;
  readonly leaseId: bigint;
  readonly requestId: string;
}

interface Lease {
  readonly leaseId: bigint;
  readonly endpointId: string;
  readonly ttlMs: number;
  renewedMs: number;
  timer: Timer | undefined;
}

export interface RegistryObserver {
  /** It is asked for; it may come to nothing, or be done later. */
  onRegister(endpointId: string): void;
  /** @param undisturbed whether nothing was wrong with the server or the network since the lease was last renewed */
  onExpired(leaseId: bigint, undisturbed: boolean): void;
  onProblem(problem: string): void;
}

/**
 * A server that keeps what the proto promises of registrations, in memory, on
 * a clock from outside, over connections that do as the weather says. No
 * sockets: each run with the same numbers is the same.
 */
export class RegistryDouble {
  readonly #clock: Clock;
  readonly #observer: RegistryObserver;
  readonly #held = new Map<string, Held>();
  readonly #leases = new Map<bigint, Lease>();
  readonly #links = new Set<Severable>();
  /** Leases of which a client was told that they are gone. */
  readonly #toldLost = new Set<bigint>();
  #weather: Weather = { kind: 'fine' };
  #up = true;
  #disturbedMs = -1;
  /** Attempts to connect that nobody answered and that were not given up yet, however fine the weather has become. */
  #dialsLost = 0;
  #leasesGranted = 0n;

  constructor(clock: Clock, observer: RegistryObserver) {
    this.#clock = clock;
    this.#observer = observer;
  }

  get endpoints(): readonly { readonly endpoint: Endpoint; readonly leaseId: bigint }[] {
    return [...this.#held.values()];
  }

  set weather(weather: Weather) {
    this.#disturb();
    this.#weather = weather;
  }

  /** Its process ends, and all connections with it. */
  stop(): void {
    this.#disturb();
    this.#up = false;
    for (const lease of this.#leases.values()) lease.timer?.cancel();
    this.sever();
  }

  /** It comes back: every lease lives its whole TTL from now on; or with an empty store. */
  start({ empty }: { readonly empty: boolean }): void {
    if (this.#up) this.stop();
    this.#disturb();
    this.#up = true;
    if (empty) {
      this.#held.clear();
      this.#leases.clear();
    }
    for (const lease of this.#leases.values()) this.#renewLease(lease);
  }

  sever(): void {
    this.#disturb();
    for (const link of this.#links) link.sever(new RollcallError('SERVER_UNREACHABLE', 'the connection was lost'));
    this.#links.clear();
  }

  /** Says on every stream that it goes away. */
  endStreams(): void {
    this.#disturb();
    for (const link of this.#links) link.endStreams(new RollcallError('SHUTTING_DOWN', 'going away'));
  }

  /** Somebody else takes an id over, for as long as a lease lives by itself. */
  replaceByRival(endpointId: string): void {
    this.#disturb();
    const held = this.#held.get(endpointId);
    if (!this.#up || held === undefined) return;
    this.#register({ endpoint: { ...held.endpoint, weight: 999 }, ttl: toDuration(3_000), requestId: 'rival' });
  }

  /** Somebody removes an endpoint by force. */
  forget(endpointId: string): void {
    this.#disturb();
    this.#drop(endpointId);
  }

  readonly dial: Dial = async (address, { signal, connectTimeoutMs }) => {
    await this.#connecting(signal, connectTimeoutMs);
    const link = new Severable();
    this.#links.add(link);
    const unary = <Q, A>(handle: (request: Q) => A) => {
      return (request: Q, { signal: cancelled }: { readonly signal: AbortSignal }) =>
        this.#call(link, cancelled, () => handle(request));
    };
    const registry = {
      register: (request: RegisterRequest, options: { readonly signal: AbortSignal }) => {
        this.#observer.onRegister(request.endpoint?.id ?? '');
        return unary((asked: RegisterRequest) => this.#register(asked))(request, options);
      },
      deregister: unary((request: DeregisterRequest) => this.#onDeregister(request)),
      updateEndpoint: unary((request: UpdateEndpointRequest) => this.#onUpdate(request)),
      renew: unary(({ leaseIds }: RenewRequest) => ({ results: this.#onRenew(leaseIds) })),
      keepAlive: (requests: AsyncIterable<KeepAliveRequest>, { signal: cancelled }: { signal: AbortSignal }) =>
        this.#keepAlive(link, requests, cancelled),
    };
    const made = { address, registry, onLost: (fn: () => void) => link.onLost(fn), close: () => link.close() };
    return made as unknown as Link;
  };

  async #connecting(signal: AbortSignal, timeoutMs: DialOptions['connectTimeoutMs']): Promise<void> {
    if (!this.#up) throw new RollcallError('SERVER_UNREACHABLE', 'connection refused');
    if (this.#weather.kind !== 'requests-lost') return;
    this.#dialsLost++;
    try {
      await sleep(this.#clock, timeoutMs, signal);
    } finally {
      this.#dialsLost--;
      this.#disturb();
    }
    throw new RollcallError('SERVER_UNREACHABLE', 'no connection');
  }

  /** What is cancelled, or on a connection that is lost, before it is handled has no effect any more. */
  #call<A>(link: Severable, cancelled: AbortSignal, handle: () => A): Promise<A> {
    const weather = this.#weather;
    return link.race(cancelled, (resolve, reject) => {
      const answer = (): void => {
        try {
          resolve(handle());
        } catch (error) {
          reject(error);
        }
      };
      switch (weather.kind) {
        case 'fine':
        case 'streamless':
          return answer();
        case 'requests-lost':
          return undefined;
        case 'answers-lost':
          try {
            handle();
          } catch {
            // Nobody hears of that either.
          }
          return undefined;
        case 'slow':
          this.#clock.after(weather.ms, () => {
            if (!cancelled.aborted && !link.severed && this.#up) answer();
          });
          return undefined;
        case 'refusing':
          return reject(new RollcallError(weather.reason, 'as the weather says'));
      }
    });
  }

  async *#keepAlive(
    link: Severable,
    requests: AsyncIterable<KeepAliveRequest>,
    cancelled: AbortSignal,
  ): AsyncGenerator<KeepAliveResponse, void, undefined> {
    const reader = requests[Symbol.asyncIterator]();
    for (;;) {
      if (this.#weather.kind === 'streamless') throw new RollcallError('UNEXPECTED_STATUS', 'UNIMPLEMENTED');
      const next = await link.race<IteratorResult<KeepAliveRequest>>(
        cancelled,
        (resolve, reject) => void reader.next().then(resolve, reject),
        { stream: true },
      );
      if (next.done === true) return;
      yield await this.#call(link, cancelled, () => ({ results: this.#onRenew(next.value.leaseIds) }));
    }
  }

  #register({ endpoint, ttl, requestId }: RegisterRequest): RegisterResponse {
    if (endpoint === undefined) throw new RollcallError('INVALID_FIELD', 'endpoint: is required');
    const answer = ({ leaseId, ttlMs }: Lease, stored: Endpoint): RegisterResponse => {
      return { endpoint: stored, leaseId, ttl: toDuration(ttlMs), resumeToken: 't' };
    };
    const present = this.#held.get(endpoint.id);
    const presentLease = present && this.#leases.get(present.leaseId);
    if (present !== undefined && presentLease !== undefined && present.requestId === requestId) {
      this.#renewLease(presentLease);
      return answer(presentLease, present.endpoint);
    }
    this.#drop(endpoint.id);
    const lease: Lease = {
      leaseId: ++this.#leasesGranted,
      endpointId: endpoint.id,
      ttlMs: ttl === undefined ? DEFAULTS.ttlMs : toMs(ttl),
      renewedMs: 0,
      timer: undefined,
    };
    this.#leases.set(lease.leaseId, lease);
    this.#held.set(endpoint.id, { endpoint, leaseId: lease.leaseId, requestId });
    this.#renewLease(lease);
    return answer(lease, endpoint);
  }

  #onDeregister({ endpointId, leaseId }: DeregisterRequest): DeregisterResponse {
    const held = this.#held.get(endpointId);
    if (held !== undefined && held.leaseId !== leaseId) throw new RollcallError('LEASE_MISMATCH', endpointId);
    this.#drop(endpointId);
    return { resumeToken: 't' };
  }

  #onUpdate({ endpoint, leaseId }: UpdateEndpointRequest): UpdateEndpointResponse {
    const held = this.#held.get(endpoint?.id ?? '');
    if (endpoint === undefined || held === undefined) throw new RollcallError('ENDPOINT_NOT_FOUND', '');
    if (held.leaseId !== leaseId) throw new RollcallError('LEASE_MISMATCH', endpoint.id);
    this.#held.set(endpoint.id, { ...held, endpoint });
    return { endpoint, resumeToken: 't' };
  }

  #onRenew(leaseIds: readonly bigint[]): LeaseRenewal[] {
    return leaseIds.map((leaseId) => {
      if (this.#toldLost.has(leaseId)) this.#observer.onProblem(`lease ${leaseId} is renewed, though known to be lost`);
      const lease = this.#leases.get(leaseId);
      if (lease === undefined) {
        // Whether that was heard is not known where answers are lost.
        if (this.#weather.kind !== 'answers-lost') this.#toldLost.add(leaseId);
        return { leaseId, found: false, ttl: undefined };
      }
      this.#renewLease(lease);
      return { leaseId, found: true, ttl: toDuration(lease.ttlMs) };
    });
  }

  #renewLease(lease: Lease): void {
    lease.renewedMs = this.#clock.monotonicMs();
    lease.timer?.cancel();
    lease.timer = this.#clock.after(lease.ttlMs, () => {
      const answering = (this.#weather.kind === 'fine' || this.#weather.kind === 'streamless') && this.#dialsLost === 0;
      this.#observer.onExpired(lease.leaseId, answering && this.#disturbedMs < lease.renewedMs);
      this.#drop(lease.endpointId);
    });
  }

  #drop(endpointId: string): void {
    const held = this.#held.get(endpointId);
    if (held === undefined) return;
    this.#leases.get(held.leaseId)?.timer?.cancel();
    this.#leases.delete(held.leaseId);
    this.#held.delete(endpointId);
  }

  #disturb(): void {
    this.#disturbedMs = this.#clock.monotonicMs();
  }
}

/** A connection, as far as calls notice. */
class Severable {
  readonly #lost = new AbortController();
  readonly #streams = new Set<(error: unknown) => void>();
  #closed = false;

  constructor() {
    // One for each call that is under way.
    setMaxListeners(0, this.#lost.signal);
  }

  get severed(): boolean {
    return this.#lost.signal.aborted;
  }

  sever(why: RollcallError): void {
    this.#lost.abort(why);
  }

  endStreams(why: RollcallError): void {
    for (const end of this.#streams) end(why);
  }

  onLost(fn: () => void): void {
    this.#lost.signal.addEventListener('abort', fn, { once: true });
  }

  /** What is under way may end; nothing new is begun. */
  close(): void {
    this.#closed = true;
  }

  /** What `executor` resolves to, unless the connection is lost or the call is cancelled before that. */
  race<T>(
    cancelled: AbortSignal,
    executor: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
    { stream = false } = {},
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed && !stream) throw new RollcallError('SERVER_UNREACHABLE', 'the channel was closed');
      if (this.severed) throw this.#lost.signal.reason;
      cancelled.throwIfAborted();
      if (stream) this.#streams.add(reject);
      const onLost = (): void => reject(this.#lost.signal.reason as Error);
      const onCancelled = (): void => reject(new DOMException('the call was cancelled', 'AbortError'));
      this.#lost.signal.addEventListener('abort', onLost, { once: true });
      cancelled.addEventListener('abort', onCancelled, { once: true });
      const settled = (): void => {
        this.#streams.delete(reject);
        this.#lost.signal.removeEventListener('abort', onLost);
        cancelled.removeEventListener('abort', onCancelled);
      };
      executor(
        (value) => {
          settled();
          resolve(value);
        },
        (error) => {
          settled();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }
}
