import { firstIndex } from '../../../src/lib/first-index.js';
import { canonicalSelector } from '../../../src/core/selector.js';
import type { Epoch, Revision } from '../../../src/core/token.js';
import type { Endpoint } from '../../../src/gen/rollcall/v1/endpoint.js';
import type { Selector } from '../../../src/gen/rollcall/v1/selector.js';
import { referenceMatches } from '../reference-selector.js';
import type { History, HistoryEvent, RevisionEvent, ServiceKey, TrueRecord } from './history.js';

export type TrueRevision = RevisionEvent & { readonly atMs: number; readonly index: number };

interface Version<T> {
  readonly revision: Revision;
  readonly value: T | undefined;
}

/** Something that changes from revision to revision, and can be asked for at each. */
class Timeline<T> {
  readonly #versions: Version<T>[] = [];

  add(revision: Revision, value: T | undefined): void {
    this.#versions.push({ revision, value });
  }

  at(revision: Revision): T | undefined {
    const next = firstIndex(this.#versions.length, (index) => this.#versions[index]!.revision > revision);
    return this.#versions[next - 1]?.value;
  }
}

/** The state at every revision, S(r), folded from what followers of the store were told. */
export class Truth {
  readonly revisions: TrueRevision[] = [];
  readonly #records = new Map<ServiceKey, Map<string, Timeline<TrueRecord>>>();
  readonly #liveness = new Map<string, Timeline<number>>();
  readonly #views = new Map<string, ReadonlyMap<string, Endpoint>>();
  #epoch = '';
  #eventsTaken = 0;

  /** Takes in what was added to the events since the last time. */
  takeIn(events: readonly HistoryEvent[]): void {
    for (; this.#eventsTaken < events.length; this.#eventsTaken++) {
      const event = events[this.#eventsTaken]!;
      if (event.type === 'start') this.#epoch = event.epoch;
      if (event.type === 'revision') this.#take({ ...event, index: this.#eventsTaken });
    }
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  get newest(): Revision {
    return this.revisions.at(-1)?.revision ?? 0;
  }

  record(service: ServiceKey, id: string, revision: Revision): TrueRecord | undefined {
    return this.#records.get(service)?.get(id)?.at(revision);
  }

  /** The lease that holds an endpoint's liveness key. */
  holder(service: ServiceKey, id: string, revision: Revision): number | undefined {
    return this.#liveness.get(`${service}/${id}`)?.at(revision);
  }

  /** Every record there is, as `[service, id, record]`. */
  records(revision: Revision): [ServiceKey, string, TrueRecord][] {
    const all: [ServiceKey, string, TrueRecord][] = [];
    for (const [service, timelines] of this.#records) {
      for (const [id, timeline] of timelines) {
        const record = timeline.at(revision);
        if (record !== undefined) all.push([service, id, record]);
      }
    }
    return all;
  }

  /** F(S(r)): what a watcher of a service through a selector sees at a revision, by id. */
  view(service: ServiceKey, selector: Selector | undefined, revision: Revision): ReadonlyMap<string, Endpoint> {
    // Revisions to come do not change what was at one, once it is reached.
    const key = `${revision} ${service} ${selectorKey(selector)}`;
    let view = this.#views.get(key);
    if (view === undefined) {
      const found = new Map<string, Endpoint>();
      for (const [id, timeline] of this.#records.get(service) ?? []) {
        const endpoint = timeline.at(revision)?.endpoint;
        if (endpoint !== undefined && referenceMatches(selector, endpoint)) found.set(id, endpoint);
      }
      view = found;
      if (revision <= this.newest) this.#views.set(key, view);
    }
    return view;
  }

  #take(event: TrueRevision): void {
    this.revisions.push(event);
    for (const { service, id, after } of event.records) {
      let timelines = this.#records.get(service);
      if (timelines === undefined) this.#records.set(service, (timelines = new Map()));
      let timeline = timelines.get(id);
      if (timeline === undefined) timelines.set(id, (timeline = new Timeline()));
      timeline.add(event.revision, after);
    }
    for (const { service, id, leaseId } of event.liveness) {
      const key = `${service}/${id}`;
      let timeline = this.#liveness.get(key);
      if (timeline === undefined) this.#liveness.set(key, (timeline = new Timeline()));
      timeline.add(event.revision, leaseId);
    }
  }
}

const known = new WeakMap<readonly HistoryEvent[], Truth>();

/** The truth of a history, as far as it has been recorded. Kept, so that the validators of one history share it. */
export function truthOf({ events }: History): Truth {
  let truth = known.get(events);
  if (truth === undefined) known.set(events, (truth = new Truth()));
  truth.takeIn(events);
  return truth;
}

const selectorKeys = new WeakMap<Selector, string>();

/** Equal for selectors that mean the same. */
export function selectorKey(selector: Selector | undefined): string {
  if (selector === undefined) return '';
  let key = selectorKeys.get(selector);
  if (key === undefined) selectorKeys.set(selector, (key = canonicalSelector(selector).key));
  return key;
}
