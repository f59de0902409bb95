import assert from 'node:assert/strict';
import type { Change, ChangeBatch, Entry, Follower, Revision, Store } from '../store/contract.js';
import { eventually } from './eventually.js';

/**
 * A follower that writes down what it is told, and what it should never have
 * been told. The changes of a revision come in no particular order; here they
 * are ordered by key.
 */
export class RecordingFollower implements Follower {
  readonly batches: ChangeBatch[] = [];
  readonly floors: Revision[] = [];
  readonly after: Revision;
  readonly #stop: () => void;
  #stopped = false;
  #failure: Error | undefined;

  constructor(store: Store, after: Revision) {
    this.after = after;
    this.#stop = store.follow(after, this);
  }

  onBatches(batches: readonly ChangeBatch[]): void {
    this.#note(() => {
      assert.ok(!this.#stopped, 'a follower that was stopped is told nothing');
      assert.ok(batches.length > 0, 'a follower is told of at least one revision at a time');
      for (const batch of batches) {
        assertWellFormed(batch, this.revision);
        this.batches.push({ ...batch, changes: [...batch.changes].sort((a, b) => (a.key < b.key ? -1 : 1)) });
      }
    });
  }

  onCompacted(floor: Revision): void {
    this.#note(() => {
      assert.ok(!this.#stopped, 'a follower that was stopped is told nothing');
      assert.ok(floor > (this.floors.at(-1) ?? 0), 'the floor rises');
      this.floors.push(floor);
    });
  }

  onEnd(error: Error): void {
    this.#failure ??= error;
  }

  /** @throws AssertionError if it was told what the contract excludes; a follower itself must not throw. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The last revision told of, or the one begun after. */
  get revision(): Revision {
    return this.batches.at(-1)?.revision ?? this.after;
  }

  get changes(): Change[] {
    return this.batches.flatMap((batch) => batch.changes);
  }

  /** The batch of one revision. */
  batch(revision: Revision): ChangeBatch {
    this.check();
    const batch = this.batches.find((each) => each.revision === revision);
    assert.ok(batch, `the follower was told of revision ${revision}`);
    return batch;
  }

  /** What became of a key, oldest first. */
  changesOf(key: string): Change[] {
    return this.changes.filter((change) => change.key === key);
  }

  /** `entries`, with all changes applied that this follower was told of. Fails if one does not fit. */
  applyTo(entries: readonly Entry[]): Entry[] {
    this.check();
    const state = new Map(entries.map((entry) => [entry.key, entry]));
    for (const { key, entry, prev } of this.changes) {
      assert.deepEqual(plain(prev), plain(state.get(key)), `the change of ${key} begins where the last one ended`);
      if (entry === undefined) state.delete(key);
      else state.set(key, entry);
    }
    return [...state.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Waits until it was told of everything up to `revision`. */
  async reach(revision: Revision): Promise<void> {
    await eventually(`a follower is told of revision ${revision}`, () => {
      this.check();
      return this.revision >= revision;
    });
  }

  stop(): void {
    this.#stop();
    this.#stopped = true;
  }

  #note(look: () => void): void {
    try {
      look();
    } catch (failure) {
      this.#failure ??= failure as Error;
    }
  }
}

/** An entry that deep equality compares by content, whatever kind of bytes an engine returns. */
export function plain(entry: Entry | undefined): unknown {
  if (entry === undefined) return undefined;
  const { key, value, createRevision, modRevision, lease } = entry;
  return { key, value: Buffer.from(value).toString('hex'), createRevision, modRevision, lease };
}

/** A batch for the same purpose. */
export function plainBatch({ revision, changes }: ChangeBatch): unknown {
  return {
    revision,
    changes: changes.map(({ key, entry, prev }) => ({ key, entry: plain(entry), prev: plain(prev) })),
  };
}

function assertWellFormed({ revision, changes }: ChangeBatch, before: Revision): void {
  assert.ok(Number.isSafeInteger(revision) && revision > before, `revision ${revision} comes after ${before}`);
  assert.ok(changes.length > 0, `revision ${revision} changes something`);
  assert.equal(new Set(changes.map(({ key }) => key)).size, changes.length, 'a key appears once in a revision');
  for (const { key, entry, prev } of changes) {
    assert.ok(entry !== undefined || prev !== undefined, `${key} was there before or is there now`);
    if (prev !== undefined) {
      assert.equal(prev.key, key);
      assert.ok(prev.modRevision < revision, `what ${key} was is older than the change`);
    }
    if (entry !== undefined) {
      assert.equal(entry.key, key);
      assert.equal(entry.modRevision, revision, `${key} bears the revision that put it`);
      assert.equal(entry.createRevision, prev?.createRevision ?? revision, `${key} keeps the revision that made it`);
    }
  }
}
