import type { Entry } from '../contract.js';
import type { PersistedLease, PersistedState, TimedBatch } from '../embedded/persistence.js';
import { isRollcallError } from '../../core/errors.js';
import { otherFormat } from './data-directory.js';
import { corrupt, failureOf } from './failures.js';
import { readDataFile } from './file/read-data-file.js';
import { decodeHead, FORMAT, formatOfHead, type Head } from './head.js';
import { u64OfKey } from './integers.js';
import { LatestRows } from './latest-rows.js';
import { decodeBatch, decodeEntry, decodeLease, isSealed, type Keep, type LeaseChanges } from './rows.js';
import { Slabs } from './slabs.js';
import { emptyTables, type Tables } from './table.js';

export interface Loaded {
  readonly state: PersistedState;
  readonly head: Head;
  readonly headRow: Buffer;
  readonly tables: Tables;
  /** What the history says of keys and leases after the head's `applied`; `state` has it, and the tables do not. */
  readonly unapplied: LatestRows;
}

/**
 * All that a data file holds, once all of it is known to be right: its structure,
 * each row, that no row is missing or old, and that the rows agree.
 *
 * @throws RollcallError STORE_CORRUPT, STORE_FORMAT, STORE_UNAVAILABLE
 */
export function loadState(path: string): Loaded {
  const reader = new StateReader(path);
  try {
    readDataFile(path, (table, key, row) => reader.take(table, key, row));
  } catch (error) {
    throw failureOf(path, 'cannot be read', error);
  }
  return reader.finish();
}

class StateReader {
  readonly #path: string;
  readonly #tables = emptyTables();
  readonly #entries: Entry[] = [];
  readonly #history: { readonly batch: TimedBatch; readonly leases: LeaseChanges }[] = [];
  readonly #leases: PersistedLease[] = [];
  /** The newest version of each key that was seen: history comes before the keys, oldest first. */
  readonly #newest = new Map<string, Entry>();
  readonly #values = new Slabs();
  #headRow: Buffer | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  take(table: string, key: Buffer, row: Buffer): void {
    if (!isSealed(key, row)) throw corrupt(this.#path, `a row of table ${table} has the wrong checksum`);
    try {
      this.#decode(table, key, row);
    } catch (error) {
      if (isRollcallError(error)) throw error;
      // It ends too early, although its checksum is right.
      throw corrupt(this.#path, `a row of table ${table} is not one`, error);
    }
  }

  finish(): Loaded {
    if (this.#headRow === undefined) throw corrupt(this.#path, 'it has no head');
    const head = decodeHead(this.#headRow);
    for (const table of ['kv', 'history', 'leases'] as const) {
      const { count, digest } = this.#tables[table].totals();
      if (count !== head[table].count || digest !== head[table].digest) {
        throw corrupt(this.#path, `rows of table ${table} are missing, or older than they should be`);
      }
    }
    const unapplied = new LatestRows();
    for (const { batch, leases } of this.#history) {
      if (batch.revision > head.applied) unapplied.take({ batches: [batch], ...leases });
    }
    const state: PersistedState = {
      epoch: head.epoch,
      revision: head.revision,
      floor: head.floor,
      entries: broughtForward(this.#entries, ({ key }) => key, unapplied.kv),
      leases: broughtForward(this.#leases, ({ id }) => id, unapplied.leases),
      history: this.#history.map(({ batch }) => batch),
    };
    if (head.applied < head.floor || head.applied > head.revision) {
      throw corrupt(this.#path, `its keys are of revision ${head.applied}, and it is at ${head.revision}`);
    }
    const contradiction = contradictionIn(state);
    if (contradiction !== undefined) throw corrupt(this.#path, contradiction);
    return { state, head, headRow: this.#headRow, tables: this.#tables, unapplied };
  }

  #decode(table: string, key: Buffer, row: Buffer): void {
    switch (table) {
      case 'head':
        if (formatOfHead(row) !== FORMAT) throw otherFormat(this.#path, formatOfHead(row));
        this.#headRow = Buffer.from(row);
        return;
      case 'history': {
        const logged = decodeBatch(key, row, this.#keep);
        const { batch } = logged;
        for (const { key: name, entry } of batch.changes) if (entry !== undefined) this.#newest.set(name, entry);
        this.#history.push(logged);
        return this.#tables.history.restore(batch.revision, row);
      }
      case 'kv': {
        const entry = decodeEntry(key, row, this.#keep);
        this.#entries.push(entry);
        return this.#tables.kv.restore(entry.key, row);
      }
      case 'leases':
        this.#leases.push(decodeLease(key, row));
        return this.#tables.leases.restore(u64OfKey(key), row);
      default:
        throw corrupt(this.#path, `it has a table ${JSON.stringify(table)}`);
    }
  }

  readonly #keep: Keep = {
    value: (bytes) => this.#values.copy(bytes),
    known: (key, modRevision) => {
      const entry = this.#newest.get(key);
      return entry?.modRevision === modRevision ? entry : undefined;
    },
  };
}

/** The rows of a table with what became of some of them later. */
function broughtForward<K, T>(rows: readonly T[], idOf: (row: T) => K, later: ReadonlyMap<K, T | undefined>): T[] {
  const unchanged = rows.filter((row) => !later.has(idOf(row)));
  return [...unchanged, ...[...later.values()].filter((row) => row !== undefined)];
}

/** What rows that were written by one store cannot say. */
function contradictionIn({ revision, floor, entries, history }: PersistedState): string | undefined {
  if (floor > revision) return `its history begins after revision ${floor}, and it is at ${revision}`;
  let previous = floor;
  for (const batch of history) {
    if (batch.revision <= previous) return `its history has revision ${batch.revision} after ${previous}`;
    previous = batch.revision;
  }
  if (previous !== revision) return `its history ends at revision ${previous}, and it is at ${revision}`;
  const early = entries.find((entry) => entry.createRevision > entry.modRevision || entry.modRevision > revision);
  return early && `its key ${early.key} is of revision ${early.modRevision}, and it is at ${revision}`;
}
