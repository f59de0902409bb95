import { formatHostPort } from '../core/host-port.js';
import type { experimental } from '@grpc/grpc-js';
import { withAttributes } from '../balancer/index.js';
import { Health, type Endpoint, type Removal, type ViewEvent } from '../client/index.js';
import { DEFAULTS } from '../core/limits.js';

interface Listed {
  readonly endpoint: Endpoint;
  /** What grpc-js is given: the same object for as long as nothing that concerns it changes. */
  readonly target: experimental.Endpoint;
}

/** What there is to tell of a service that is known. */
export interface Listing {
  readonly targets: experimental.Endpoint[];
  /** Why there are none, or anything else that helps whoever reads an error. */
  readonly note: string;
}

/** One that is not listed any more, and may come back. */
interface Held {
  readonly listed: Listed;
  readonly untilMs: number;
}

/**
 * The endpoints of one service that calls may go to, kept up to date by the
 * events of its view.
 *
 * Endpoints that are DRAINING or UNHEALTHY are left out; those whose lease has
 * lapsed, but which are held (SUSPECT), stay.
 *
 * Some ways of leaving do not tell that an endpoint is gone. When a catalog is
 * replaced by another (`EPOCH_CHANGED`), owners may not have registered with
 * the new one yet: such endpoints stay until they return, or for a grace. When
 * leases lapse until nobody is left, it is rather the network between owners
 * and registry that has failed than all of them at once; and a new snapshot
 * with nobody in it does not say how they left. Those of the last grace are
 * then a last resort: better than calls that fail in any case.
 */
export class ServiceEndpoints {
  readonly #service: string;
  readonly #where: string;
  readonly #graceMs: number;
  #listed = new Map<string, Listed>();
  /** Of a catalog that was replaced, by id. */
  readonly #replaced = new Map<string, Held>();
  /** The last resort, by id. */
  readonly #lapsed = new Map<string, Held>();

  /**
   * @param options `where`: which endpoints of the service, for messages, as in "in namespace default"; `graceMs`: how
   *   long endpoints stay that are not known to be gone
   */
  constructor(service: string, options: { readonly where: string; readonly graceMs: number }) {
    this.#service = service;
    this.#where = options.where;
    this.#graceMs = options.graceMs;
  }

  /** Milliseconds until the first of those that are held is let go; undefined when none are. */
  heldForMs(nowMs: number): number | undefined {
    const held = [...this.#replaced.values(), ...this.#lapsed.values()];
    return held.length === 0 ? undefined : Math.max(0, Math.min(...held.map(({ untilMs }) => untilMs)) - nowMs);
  }

  /** Takes in a change of the view: while nothing is held, in time that depends on how much changed alone. */
  apply(event: Exclude<ViewEvent, { type: 'status' }>, nowMs: number): void {
    const isDelta = event.type === 'delta';
    const left = isDelta ? this.#remove(event.removed) : this.#clear();
    for (const endpoint of isDelta ? event.upserted : event.endpoints) {
      const { id } = endpoint;
      const before = this.#listed.get(id) ?? left.get(id) ?? (this.#replaced.get(id) ?? this.#lapsed.get(id))?.listed;
      this.#list(endpoint, before);
    }
    this.#hold(left, event, nowMs);
    this.#letGo(nowMs);
  }

  /** What calls may go to now. */
  listing(nowMs: number): Listing {
    this.#letGo(nowMs);
    const serving = [...this.#listed.values()].filter(({ endpoint }) => mayServe(endpoint));
    const held = [...this.#replaced.values()].map(({ listed }) => listed);
    const lastResort = [...this.#lapsed.values()].map(({ listed }) => listed);
    const called = serving.length + held.length > 0 ? [...serving, ...held] : lastResort;
    return { targets: called.map(({ target }) => target), note: called.length > 0 ? '' : this.#whyNone() };
  }

  /** Takes endpoints off the list, and returns them. */
  #remove(removals: readonly Removal[]): Map<string, Listed> {
    const left = new Map<string, Listed>();
    for (const { endpointId: id } of removals) {
      const listed = this.#listed.get(id);
      if (listed !== undefined) left.set(id, listed);
      this.#listed.delete(id);
    }
    return left;
  }

  #clear(): Map<string, Listed> {
    const left = this.#listed;
    this.#listed = new Map();
    return left;
  }

  /** Of those that left the list: the ones that may not be gone. */
  #hold(left: Map<string, Listed>, event: Exclude<ViewEvent, { type: 'status' }>, nowMs: number): void {
    if (event.type === 'delta') {
      for (const { endpointId, reason } of event.removed) if (reason !== 'EXPIRED') left.delete(endpointId);
    }
    const held = event.type === 'snapshot' && event.reason === 'EPOCH_CHANGED' ? this.#replaced : this.#lapsed;
    const untilMs = nowMs + this.#graceMs;
    for (const [id, listed] of left) if (mayServe(listed.endpoint)) held.set(id, { listed, untilMs });
  }

  #list(endpoint: Endpoint, before: Listed | undefined): void {
    const target = before !== undefined && sameTarget(before.endpoint, endpoint) ? before.target : targetOf(endpoint);
    this.#listed.set(endpoint.id, { endpoint, target });
  }

  /** Of those that are held: the ones that are listed again, also under another id at the same address, or whose time is up. */
  #letGo(nowMs: number): void {
    if (this.#replaced.size + this.#lapsed.size === 0) return;
    const addresses = new Set([...this.#listed.values()].map(({ endpoint }) => addressesText(endpoint)));
    for (const held of [this.#replaced, this.#lapsed]) {
      for (const [id, { listed, untilMs }] of held) {
        const back = this.#listed.has(id) || addresses.has(addressesText(listed.endpoint));
        if (back || untilMs <= nowMs) held.delete(id);
      }
    }
  }

  #whyNone(): string {
    const count = this.#listed.size;
    if (count === 0) return `rollcall: ${this.#service} has no endpoints ${this.#where}`;
    const states = [...this.#listed.values()].map(({ endpoint }) => healthName(endpoint.health));
    const found = [...new Set(states)].map((state) => `${states.filter((s) => s === state).length} ${state}`);
    return `rollcall: ${this.#service} has no endpoint that may serve ${this.#where}: ${found.join(', ')}`;
  }
}

function mayServe({ health }: Endpoint): boolean {
  return health !== Health.DRAINING && health !== Health.UNHEALTHY;
}

function targetOf(endpoint: Endpoint): experimental.Endpoint {
  const { id, addresses, weight = DEFAULTS.weight } = endpoint;
  return withAttributes(
    addresses.map(({ host, port }) => ({ host, port })),
    { id, weight, zone: zoneOf(endpoint) },
  );
}

function sameTarget(a: Endpoint, b: Endpoint): boolean {
  return a.weight === b.weight && zoneOf(a) === zoneOf(b) && addressesText(a) === addressesText(b);
}

function zoneOf({ locality }: Endpoint): string {
  return locality?.zone ?? '';
}

function addressesText({ addresses }: Endpoint): string {
  return addresses.map(formatHostPort).join(' ');
}

function healthName(health: Health): string {
  return Object.keys(Health).find((name) => Health[name as keyof typeof Health] === health) ?? 'unknown';
}
