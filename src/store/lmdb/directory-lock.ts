import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { RollcallError } from '../../core/errors.js';
import { failureOf, isOutOfSpace } from './failures.js';

/**
 * The right to use a data directory. The kernel holds it on behalf of the open
 * file, so it ends with the process in whatever way that ends, lasts while the
 * process is stopped, keeps a second one in the same process out, and holds
 * between containers that share a volume.
 */
export class DirectoryLock {
  readonly #fd: number;
  #released = false;

  /** @throws RollcallError STORE_LOCKED; STORE_UNAVAILABLE when there can be no lock file. */
  constructor(directory: string) {
    const path = join(directory, 'LOCK');
    // Never removed: whoever opened it before would lock a file that nobody else can find.
    this.#fd = attempt(path, 'cannot be opened', () => openSync(path, 'a+', 0o600));
    try {
      if (!attempt(path, 'cannot be locked', () => tryLock(this.#fd))) throw locked(directory, path);
      sign(this.#fd);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /** Idempotent. */
  release(): void {
    if (!this.#released) closeSync(this.#fd);
    this.#released = true;
  }
}

/** Says who holds the lock, for the message that the next one gets. */
function sign(fd: number): void {
  try {
    ftruncateSync(fd);
    writeSync(fd, `process ${process.pid} on ${hostname()}\n`);
  } catch (error) {
    // It is a courtesy, and no reason to refuse to start on a disk that is full.
    if (!isOutOfSpace(error)) throw error;
  }
}

function locked(directory: string, path: string): RollcallError {
  const holder = attempt(path, 'cannot be read', () => readFileSync(path, 'utf8')).trim();
  const by = holder === '' ? 'another process' : holder;
  return new RollcallError(
    'STORE_LOCKED',
    `the data directory ${directory} is in use by ${by}. Stop it, or use another directory.`,
    { metadata: { path: directory, holder } },
  );
}

function attempt<T>(path: string, what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw failureOf(path, what, error);
  }
}
