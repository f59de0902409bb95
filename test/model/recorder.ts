import type { FakeClock } from '../support/fake-clock.js';
import type { HistoryEvent, WhatHappened } from '../support/validators/history.js';
import { trueRecord, trueRevision } from '../support/validators/true-record.js';
import { RECORD_PREFIX } from '../../src/directory/schema.js';
import type { ChangeBatch, Revision, Store } from '../../src/store/contract.js';

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
    this.record({ type: 'restart', epoch: store.epoch, revision, records: entries.map(trueRecord) });
  }

  #take({ revision, changes }: ChangeBatch): void {
    const told = trueRevision(revision, changes);
    this.revision = revision;
    if (told.records.some(({ after }) => after === undefined)) this.lastRemoval = revision;
    this.record(told);
  }
}
