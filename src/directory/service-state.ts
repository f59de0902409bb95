import { Health } from '../gen/rollcall/v1/endpoint.js';
import type { RemovedEndpoint_Reason as RemovalReason } from '../gen/rollcall/v1/discovery.js';
import type { Revision } from '../core/token.js';
import type { ServiceName } from '../core/names.js';
import { Deque } from '../lib/deque.js';
import { firstIndex } from '../lib/first-index.js';
import type { EndpointRecord } from './schema.js';

/** One change to one endpoint. Without `before` it is new; without `after` it was removed, for `removal`. */
export interface EndpointChange {
  readonly revision: Revision;
  readonly id: string;
  readonly before: EndpointRecord | undefined;
  readonly after: EndpointRecord | undefined;
  readonly removal: RemovalReason;
}

/** How many endpoints of a service are in each state. */
export type HealthCounts = Record<'healthy' | 'unhealthy' | 'draining' | 'suspect', number>;

const COUNTED_AS: Partial<Record<Health, keyof HealthCounts>> = {
  [Health.HEALTHY]: 'healthy',
  [Health.UNHEALTHY]: 'unhealthy',
  [Health.DRAINING]: 'draining',
  [Health.SUSPECT]: 'suspect',
};

/** The endpoints of one service, and the changes that led here as far back as the directory remembers. */
export class ServiceState {
  readonly name: ServiceName;
  readonly endpoints = new Map<string, EndpointRecord>();
  /** Oldest first. Several changes may have one revision. */
  readonly changes = new Deque<EndpointChange>();
  readonly counts: HealthCounts = { healthy: 0, unhealthy: 0, draining: 0, suspect: 0 };

  #ordered: readonly string[] | undefined;

  constructor(name: ServiceName) {
    this.name = name;
  }

  /** The endpoints with ids greater than `id`, in order. The order is made when asked for and kept until one comes or goes. */
  *endpointsAfter(id: string): Generator<EndpointRecord> {
    const ids = (this.#ordered ??= [...this.endpoints.keys()].sort());
    for (let at = firstIndex(ids.length, (index) => ids[index]! > id); at < ids.length; at++) {
      yield this.endpoints.get(ids[at]!)!;
    }
  }

  set(id: string, record: EndpointRecord | undefined): void {
    const before = this.endpoints.get(id);
    if ((before === undefined) !== (record === undefined)) this.#ordered = undefined;
    if (before !== undefined) this.#count(before, -1);
    if (record === undefined) {
      this.endpoints.delete(id);
    } else {
      this.endpoints.set(id, record);
      this.#count(record, 1);
    }
  }

  /** Whether nothing would be lost by forgetting this object. */
  get forgettable(): boolean {
    return this.endpoints.size === 0 && this.changes.length === 0;
  }

  #count(record: EndpointRecord, by: 1 | -1): void {
    const state = COUNTED_AS[record.endpoint.health];
    if (state !== undefined) this.counts[state] += by;
  }
}
