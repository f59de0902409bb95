import type { Totals } from './head.js';
import { u64Key } from './integers.js';
import { checksumOf } from './rows.js';

export type TableName = 'kv' | 'history' | 'leases' | 'head';

/** A row to be written; without `row`, one to be removed. */
export interface RowChange {
  readonly table: TableName;
  readonly key: Buffer;
  readonly row: Buffer | undefined;
}

/**
 * What a table on disk holds, as the checksums of its rows, and what the group
 * being written makes of it. The totals of all tables go into the head, so that
 * rows that are lost, or older than they should be, do not pass for sound ones
 * because their own checksums are right.
 */
export class Table<K> {
  readonly name: TableName;
  readonly #keyOf: (id: K) => Buffer;
  readonly #checksums = new Map<K, number>();
  readonly #staged = new Map<K, RowChange>();
  #digest = 0;

  constructor(name: TableName, keyOf: (id: K) => Buffer) {
    this.name = name;
    this.#keyOf = keyOf;
  }

  /** Takes in a row that is on disk. */
  restore(id: K, row: Buffer): void {
    this.#set(id, checksumOf(row));
  }

  /** Stages a row; the last one wins. */
  put(id: K, encode: (key: Buffer) => Buffer): void {
    const key = this.#keyOf(id);
    this.#staged.set(id, { table: this.name, key, row: encode(key) });
  }

  /** Stages a removal. A row that is not there is passed over. */
  remove(id: K): void {
    if (this.#checksums.has(id)) this.#staged.set(id, { table: this.name, key: this.#keyOf(id), row: undefined });
    else this.#staged.delete(id);
  }

  /** The rows that the group changes, each once. */
  staged(): readonly RowChange[] {
    return [...this.#staged.values()];
  }

  /** The totals with the staged rows. */
  totals(): Totals {
    let count = this.#checksums.size;
    let digest = this.#digest;
    for (const [id, { row }] of this.#staged) {
      const old = this.#checksums.get(id);
      if (old !== undefined) count--;
      if (row !== undefined) count++;
      digest ^= (old ?? 0) ^ (row === undefined ? 0 : checksumOf(row));
    }
    return { count, digest };
  }

  /** The staged rows are on disk. */
  commit(): void {
    for (const [id, { row }] of this.#staged) this.#set(id, row === undefined ? undefined : checksumOf(row));
    this.#staged.clear();
  }

  /** The staged rows are not on disk. */
  discard(): void {
    this.#staged.clear();
  }

  #set(id: K, checksum: number | undefined): void {
    this.#digest ^= (this.#checksums.get(id) ?? 0) ^ (checksum ?? 0);
    if (checksum === undefined) this.#checksums.delete(id);
    else this.#checksums.set(id, checksum);
  }
}

/** The tables whose rows are counted. */
export interface Tables {
  readonly kv: Table<string>;
  readonly history: Table<number>;
  readonly leases: Table<number>;
}

export function emptyTables(): Tables {
  return {
    kv: new Table('kv', (key) => Buffer.from(key, 'latin1')),
    history: new Table('history', u64Key),
    leases: new Table('leases', u64Key),
  };
}
