import { constants } from 'node:os';
import { rmSync, statSync } from 'node:fs';
import { open, type Database, type RootDatabase } from 'lmdb';
import { codeOf } from './failures.js';
import type { RowChange, TableName } from './table.js';

const TABLES: readonly TableName[] = ['kv', 'history', 'leases', 'head'];

/**
 * LMDB, through the `lmdb` package 3.5.6. One write at a time. After a write that
 * failed, the environment is to be closed and another opened: LMDB refuses to
 * begin a transaction once a meta page could not be written, and then `lmdb`
 * neither settles the promise nor lets go of a mutex that its close needs.
 */
export class Environment {
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #tables: Readonly<Record<TableName, Database<Buffer, Buffer>>>;

  /** @throws whatever LMDB says. */
  static create(path: string): Environment {
    return new Environment(path);
  }

  /** Believes every byte of the file. @throws the file system's error when it is not there; whatever LMDB says. */
  static open(path: string): Environment {
    // LMDB would make it, and its directory too.
    statSync(path);
    return new Environment(path);
  }

  private constructor(path: string) {
    // Only ever holds what processes that have the file open tell each other, and ours is the only one.
    rmSync(`${path}-lock`, { force: true });
    const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;
    const options = {
      ...binary,
      noSubdir: true,
      maxDbs: TABLES.length,
      permissionsMode: 0o600,
      // A commit then returns once fdatasync and the write of the meta page (O_DSYNC) have, as strace shows, and
      // its promise means what it says. Overlapping costs a third meta page and its own recovery, and groups that
      // follow one another do not get faster by it.
      overlappingSync: false,
      // With it, a commit that fails also rejects a promise that nobody can reach, which ends the process.
      eventTurnBatching: false,
    };
    try {
      this.#root = open<Buffer, Buffer>(path, options);
      const table = (name: TableName): Database<Buffer, Buffer> => this.#root.openDB<Buffer, Buffer>(name, binary);
      this.#tables = { kv: table('kv'), history: table('history'), leases: table('leases'), head: table('head') };
    } catch (error) {
      throw withName(error);
    }
  }

  /**
   * Writes all of it, or nothing; resolves once it is on disk. The B-trees are
   * changed on a thread of libuv's pool. Rows must not change until then.
   */
  async write(changes: readonly RowChange[]): Promise<void> {
    try {
      // Nothing in here may throw: what was put before it would be committed.
      await this.#root.batch(() => {
        for (const { table, key, row } of changes) {
          if (row === undefined) void this.#tables[table].remove(key);
          else void this.#tables[table].put(key, row);
        }
      });
    } catch (error) {
      // The error that `lmdb` throws only says where the error is: in a promise that it rejects.
      throw await causeOf(error);
    }
  }

  get(table: TableName, key: Buffer): Buffer | undefined {
    return this.#tables[table].get(key);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

async function causeOf(error: unknown): Promise<unknown> {
  try {
    if (typeof error === 'object' && error !== null && 'commitError' in error) await error.commitError;
    return error;
  } catch (cause) {
    return withName(cause);
  }
}

/** Gives an error of the system the code that it has in Node: in `lmdb` it is the bare number. */
function withName(error: unknown): unknown {
  const code = Object.entries(constants.errno).find(([, number]) => number === codeOf(error))?.[0];
  return code === undefined ? error : Object.assign(error as Error, { code });
}
