import type { FakeClock } from '../support/fake-clock.js';
import type { HistoryEvent, RevisionEvent, TrueRecord, WhatHappened } from '../support/validators/history.js';
import { parseKey, RECORD_PREFIX } from '../../src/directory/schema.js';
import { EndpointRecord as StoredRecord } from '../../src/gen/rollcall/storage/v1/record.js';
import { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import type { ChangeBatch, Entry, Revision, Store } from '../../src/store/contract.js';

/** Writes down what happens, and follows the store's own feed for what is true. */
export class Recorder {
  readonly events: HistoryEvent[] = [];
  readonly #clock: FakeClock;
  /** The newest revision that the feed has told of. */
  revision: Revision = 0;
  /** The newest revision that removed a record. */
  lastRemoval: Revision = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  record(event: WhatHappened): void {
    this.events.push({ ...event, atMs: this.#clock.runningMs() });
  }

  /** Follows the feed from where it was left. */
  follow(store: Store): void {
    store.follow(this.revision, {
      onBatches: (batches) => {
        for (const batch of batches) this.#take(batch);
      },
      onEnd: (error) => {
        throw error;
      },
    });
  }

  /** What is in a store that was opened again. */
  async recordRestart(store: Store): Promise<void> {
    const { entries, revision } = await store.range({ prefix: RECORD_PREFIX, limit: 1_000_000 });
    const records = entries.map((entry) => ({ ...placeOf(entry.key), record: decode(entry) }));
    this.record({ type: 'restart', epoch: store.epoch, revision, records });
  }

  #take({ revision, changes }: ChangeBatch): void {
    const records: RevisionEvent['records'][number][] = [];
    const liveness: RevisionEvent['liveness'][number][] = [];
    for (const { key, entry } of changes) {
      if (key.startsWith(RECORD_PREFIX)) records.push({ ...placeOf(key), after: entry && decode(entry) });
      else liveness.push({ ...placeOf(key), leaseId: entry?.lease });
    }
    this.revision = revision;
    if (records.some(({ after }) => after === undefined)) this.lastRemoval = revision;
    this.record({ type: 'revision', revision, records, liveness });
  }
}

function placeOf(key: string): { service: string; id: string } {
  const { namespace, service, id } = parseKey(key);
  return { service: `${namespace}/${service}`, id };
}

/** What is stored, taken apart with nothing but the generated code. */
function decode({ value, createRevision, modRevision }: Entry): TrueRecord {
  const { endpoint, leaseId, ttlMs, requestId } = StoredRecord.decode(value);
  return { endpoint: { ...Endpoint.decode(endpoint), createRevision, modRevision }, leaseId, ttlMs, requestId };
}
