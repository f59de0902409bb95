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

/**
 * The endpoints of one service that calls may go to, kept up to date by the
 * events of its view.
 *
 * Endpoints that are DRAINING or UNHEALTHY are left out; those whose lease has
 * lapsed, but which are held (SUSPECT), stay.
 *
 * Two ways of leaving do not tell that an endpoint is gone. When a catalog is
 * replaced by another (`EPOCH_CHANGED`), owners may not have registered with
 * the new one yet. And when leases lapse until nobody is left, it is rather the
 * network between owners and registry that has failed than all of them at once.
 * Such endpoints stay until they return, or for a grace.
 */
export class ServiceEndpoints {
  readonly #service: string;
  readonly #graceMs: number;
  readonly #listed = new Map<string, Listed>();
  /** Not listed any more, and not known to be gone; by id. */
  readonly #held = new Map<string, Listed>();
  #holdUntilMs = 0;

  /** @param options `graceMs`: how long endpoints stay that are not known to be gone */
  constructor(service: string, options: { readonly graceMs: number }) {
    this.#service = service;
    this.#graceMs = options.graceMs;
  }

  /** Milliseconds until endpoints that are held are let go; undefined when none are. */
  heldForMs(nowMs: number): number | undefined {
    return this.#held.size === 0 ? undefined : Math.max(0, this.#holdUntilMs - nowMs);
  }

  /** Takes in a change of the view. */
  apply(event: Exclude<ViewEvent, { type: 'status' }>, nowMs: number): void {
    const before = new Map([...this.#held, ...this.#listed]);
    if (event.type === 'delta') for (const { endpointId } of event.removed) this.#listed.delete(endpointId);
    else this.#listed.clear();
    const endpoints = event.type === 'delta' ? event.upserted : event.endpoints;
    for (const endpoint of endpoints) this.#list(endpoint, before.get(endpoint.id));
    if (event.type === 'delta') this.#holdTheLast(event.removed, before, nowMs);
    else if (event.reason === 'EPOCH_CHANGED') this.#hold(before, nowMs);
    this.#letGoOfReturned();
  }

  /** What calls may go to now. */
  listing(nowMs: number): Listing {
    if (nowMs >= this.#holdUntilMs) this.#held.clear();
    const targets: experimental.Endpoint[] = [];
    for (const { endpoint, target } of this.#listed.values()) if (mayServe(endpoint)) targets.push(target);
    for (const { target } of this.#held.values()) targets.push(target);
    return { targets, note: targets.length > 0 ? '' : this.#whyNone() };
  }

  #list(endpoint: Endpoint, before: Listed | undefined): void {
    const target = before !== undefined && sameTarget(before.endpoint, endpoint) ? before.target : targetOf(endpoint);
    this.#listed.set(endpoint.id, { endpoint, target });
  }

  #hold(before: ReadonlyMap<string, Listed>, nowMs: number): void {
    for (const [id, listed] of before) {
      if (!this.#listed.has(id) && mayServe(listed.endpoint)) this.#held.set(id, listed);
    }
    this.#holdUntilMs = nowMs + this.#graceMs;
  }

  #holdTheLast(removed: readonly Removal[], before: ReadonlyMap<string, Listed>, nowMs: number): void {
    if ([...this.#listed.values()].some(({ endpoint }) => mayServe(endpoint))) return;
    const expired = new Set(removed.filter(({ reason }) => reason === 'EXPIRED').map(({ endpointId }) => endpointId));
    if (expired.size > 0) this.#hold(new Map([...before].filter(([id]) => expired.has(id))), nowMs);
  }

  /** Those that are listed again, under their own id or another at the same address. */
  #letGoOfReturned(): void {
    if (this.#held.size === 0) return;
    const addresses = new Set([...this.#listed.values()].map(({ endpoint }) => addressesText(endpoint)));
    for (const [id, { endpoint }] of this.#held) {
      if (this.#listed.has(id) || addresses.has(addressesText(endpoint))) this.#held.delete(id);
    }
  }

  #whyNone(): string {
    const count = this.#listed.size;
    if (count === 0) return `rollcall: ${this.#service} has no endpoints`;
    const states = [...this.#listed.values()].map(({ endpoint }) => healthName(endpoint.health));
    const found = [...new Set(states)].map((state) => `${states.filter((s) => s === state).length} ${state}`);
    return `rollcall: ${this.#service} has no endpoint that may serve: ${found.join(', ')}`;
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
