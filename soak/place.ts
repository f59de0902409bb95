import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountSmallDisk, type SmallDisk } from '../test/support/small-disk.js';

/** Room for what a soak writes, and so little that filling it takes no time. */
const DISK_BYTES = 96 * 1024 * 1024;

/** Where a run has its files until it is over. They go with this process, too, however it ends. */
export class Place implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'rollcall-soak-'));
  /** For the server's data; undefined where this user may not mount one. */
  readonly disk: SmallDisk | undefined = mountSmallDisk(DISK_BYTES);
  readonly #leave = (): void => {
    this.disk?.[Symbol.dispose]();
    rmSync(this.directory, { recursive: true, force: true });
  };

  constructor() {
    process.once('exit', this.#leave);
  }

  get dataDir(): string {
    return join(this.disk?.path ?? this.directory, 'data');
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#leave);
    this.#leave();
  }
}
