import type { Change, Entry, LeaseId } from '../../../../src/store/contract.js';
import type { CommitGroup, PersistedState, TimedBatch } from '../../../../src/store/embedded/persistence.js';

/** One transaction of a test: keys and what becomes of them; undefined deletes. */
export interface Step {
  readonly changes: ReadonlyMap<string, { readonly value: Uint8Array; readonly lease?: LeaseId } | undefined>;
}

/** What a persistence should hold, and groups that continue it. */
export class StateModel {
  revision = 0;
  floor = 0;
  readonly entries = new Map<string, Entry>();
  readonly leases = new Map<LeaseId, number>();
  history: TimedBatch[] = [];

  /** Makes a group of these transactions, and takes it into the model. */
  group(
    steps: readonly Step[],
    more: { floor?: number; granted?: readonly [LeaseId, number][]; ended?: readonly LeaseId[] } = {},
  ): CommitGroup {
    const batches = steps.map((step) => this.#batch(step));
    for (const [id, ttlMs] of more.granted ?? []) this.leases.set(id, ttlMs);
    for (const id of more.ended ?? []) this.leases.delete(id);
    this.floor = Math.min(this.revision, Math.max(this.floor, more.floor ?? 0));
    this.history = [...this.history, ...batches].filter((batch) => batch.revision > this.floor);
    return {
      revision: this.revision,
      floor: this.floor,
      batches,
      leasesGranted: (more.granted ?? []).map(([id, ttlMs]) => ({ id, ttlMs })),
      leasesEnded: more.ended ?? [],
    };
  }

  /** A group that puts one key. */
  put(key: string, value: string | Uint8Array): CommitGroup {
    return this.group([{ changes: new Map([[key, { value: bytes(value) }]]) }]);
  }

  /** Fails unless `state` is this one's; the epoch is the caller's to check. */
  expectIs(state: PersistedState): void {
    expect({ revision: state.revision, floor: state.floor }).toEqual({ revision: this.revision, floor: this.floor });
    expect(byKey(state.entries)).toEqual(byKey([...this.entries.values()]));
    expect(new Map(state.leases.map(({ id, ttlMs }) => [id, ttlMs]))).toEqual(this.leases);
    expect(state.history.map(readable)).toEqual(this.history.map(readable));
  }

  #batch({ changes }: Step): TimedBatch {
    const revision = ++this.revision;
    const made: Change[] = [];
    for (const [key, to] of changes) {
      const prev = this.entries.get(key);
      const entry: Entry | undefined = to && {
        key,
        value: to.value,
        createRevision: prev?.createRevision ?? revision,
        modRevision: revision,
        lease: to.lease,
      };
      if (entry === undefined) this.entries.delete(key);
      else this.entries.set(key, entry);
      made.push({ key, entry, prev });
    }
    return { revision, timeMs: 1_750_000_000_000 + revision, changes: made };
  }
}

export function bytes(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? new TextEncoder().encode(value) : value;
}

/** Values as text, which jest compares a thousand times as fast as arrays of bytes. */
function readable(batch: TimedBatch): object {
  const changes = batch.changes.map(({ key, entry, prev }) => ({
    key,
    entry: entry && text(entry),
    prev: prev && text(prev),
  }));
  return { ...batch, changes };
}

function byKey(entries: readonly Entry[]): readonly object[] {
  return entries.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(text);
}

function text(entry: Entry): object {
  return { ...entry, value: Buffer.from(entry.value).toString('latin1') };
}
