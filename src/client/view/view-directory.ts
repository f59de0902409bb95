import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.js';
import { decodeViewFile, encodeViewFile, viewFileName, type ViewFile } from './view-file.js';
import type { WatchTarget } from './service-watch.js';

/** Written beside the file that it is to replace. */
const TEMPORARY = '.tmp';

/** No write takes so long: what is older was left behind by a process that was killed. */
const ABANDONED_MS = 60 * 60 * 1_000;

/** Where views are kept between processes. */
export interface ViewFiles {
  /**
   * The file of a service; undefined if there is none.
   *
   * @throws Error that says why it cannot be used
   */
  read(target: WatchTarget): Promise<ViewFile | undefined>;
  /** Replaces the file of a service, in one step: whoever reads it finds the old one or the new one, whole. */
  write(target: WatchTarget, file: ViewFile): Promise<void>;
}

/** A directory of view files, made when it is first written to. Processes may share it. */
export class ViewDirectory implements ViewFiles {
  readonly #path: string;
  readonly #clock: Clock;
  #swept = false;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  async read(target: WatchTarget): Promise<ViewFile | undefined> {
    let content: Buffer;
    try {
      content = await readFile(join(this.#path, viewFileName(target)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    return decodeViewFile(content, target);
  }

  async write(target: WatchTarget, file: ViewFile): Promise<void> {
    await mkdir(this.#path, { recursive: true, mode: 0o700 });
    await this.#sweep();
    const path = join(this.#path, viewFileName(target));
    // Unlike that of any other process.
    const temporary = `${path}.${randomUUID()}${TEMPORARY}`;
    try {
      await writeFile(temporary, encodeViewFile(target, file), { mode: 0o600, flush: true });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** Removes, once, what processes left behind that were killed while they wrote. */
  async #sweep(): Promise<void> {
    if (this.#swept) return;
    this.#swept = true;
    for (const name of await readdir(this.#path)) {
      if (!name.endsWith(TEMPORARY)) continue;
      const path = join(this.#path, name);
      // Another process that sweeps may be quicker.
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined && this.#clock.wallMs() - found.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
    }
  }
}
