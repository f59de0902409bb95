import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { RollcallError } from '../../core/errors.js';
import { DirectoryLock } from './directory-lock.js';
import { codeOf, corrupt, failureOf, unavailable } from './failures.js';
import { FORMAT } from './head.js';

const MARKER = /^rollcall store, format (\d+)\n$/;

/**
 * A data directory that this process holds. In it are
 *
 * - `LOCK`, whose lock is held while the directory is open;
 * - `rollcall.mdb`, the data, and LMDB's own `rollcall.mdb-lock`;
 * - `FORMAT`, which says that data is there, so that a directory whose data was
 *   lost is not taken for a new one.
 *
 * The data gets its name once it is complete and on disk, and the marker comes
 * after it. So of the two, data alone means that the creation was broken off late,
 * and the marker alone that the data was lost.
 */
export class DataDirectory {
  readonly path: string;
  readonly dataPath: string;
  readonly #markerPath: string;
  readonly #lock: DirectoryLock;

  /**
   * Makes the directory, for its owner alone, if it does not exist.
   *
   * @throws RollcallError STORE_LOCKED, STORE_FORMAT, STORE_CORRUPT, STORE_FULL, STORE_UNAVAILABLE
   */
  constructor(path: string) {
    this.path = resolve(path);
    this.dataPath = join(this.path, 'rollcall.mdb');
    this.#markerPath = join(this.path, 'FORMAT');
    makeDirectory(this.path);
    this.#lock = new DirectoryLock(this.path);
    try {
      this.#checkMarker();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get hasData(): boolean {
    return existsSync(this.dataPath);
  }

  /** Has `make` write the data file, complete and flushed, at a path that is not yet its own. */
  async createData(make: (path: string) => Promise<void>): Promise<void> {
    const draft = `${this.dataPath}.new`;
    try {
      removeDraft(draft);
      await make(draft);
      renameSync(draft, this.dataPath);
      removeDraft(draft);
      flushDirectory(this.path);
    } catch (error) {
      throw failureOf(this.dataPath, 'cannot be made', error);
    }
  }

  /** Says in the directory that its data is there. */
  mark(): void {
    if (existsSync(this.#markerPath)) return;
    const draft = `${this.#markerPath}.new`;
    try {
      writeFileSync(draft, `rollcall store, format ${FORMAT}\n`, { mode: 0o600, flush: true });
      renameSync(draft, this.#markerPath);
      flushDirectory(this.path);
    } catch (error) {
      throw failureOf(this.#markerPath, 'cannot be written', error);
    }
  }

  /** Lets go of the lock. Idempotent. */
  close(): void {
    this.#lock.release();
  }

  #checkMarker(): void {
    const text = readIfThere(this.#markerPath);
    if (text === undefined) return;
    const format = MARKER.exec(text)?.[1];
    if (format === undefined) throw corrupt(this.#markerPath, 'it does not name a format');
    if (Number(format) !== FORMAT) throw otherFormat(this.path, format);
    if (!this.hasData) throw corrupt(this.dataPath, 'it is missing, and there was data in this directory');
  }
}

/** STORE_FORMAT: the data was written by another version of Rollcall. */
export function otherFormat(path: string, format: string | number): RollcallError {
  return new RollcallError(
    'STORE_FORMAT',
    `${path} has format ${format}, and this version of Rollcall has format ${FORMAT}. ` +
      `Run the version that wrote it, or use another directory.`,
    { metadata: { path, format: String(format), formatOfThisVersion: String(FORMAT) } },
  );
}

/** Makes a directory, and those above it. Not by `recursive`, which calls it ENOENT when the file system is read-only. */
function makeDirectory(path: string): void {
  try {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there?.isDirectory() === true) return;
    if (there !== undefined) throw unavailable(path, 'is a file, where there should be a directory');
    makeDirectory(dirname(path));
    mkdirSync(path, 0o700);
    // It is on disk once its parent is.
    flushDirectory(dirname(path));
  } catch (error) {
    // Another server is being started on it: the lock decides between them.
    if (codeOf(error) !== 'EEXIST') throw failureOf(path, 'the directory cannot be made', error);
  }
}

function flushDirectory(path: string): void {
  // Windows has no such thing: its directories cannot be opened.
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function removeDraft(path: string): void {
  for (const file of [path, `${path}-lock`]) rmSync(file, { force: true });
}

function readIfThere(path: string): string | undefined {
  try {
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  } catch (error) {
    throw failureOf(path, 'cannot be read', error);
  }
}
