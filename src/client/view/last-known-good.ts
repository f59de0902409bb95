import type { Clock, Timer } from '../../lib/clock.js';
import type { ClientLogger } from '../logger.js';
import type { ViewFiles } from './view-directory.js';
import { viewFileName } from './view-file.js';
import type { SyncedView } from './view-state.js';
import type { WatchTarget } from './service-watch.js';

/** Services whose view is kept after nobody watches them any more. */
const REMEMBERED_MAX = 1_000;

/** Changes within this time are written to the file as one. */
const WRITE_DELAY_MS = 1_000;

/** A view that does not change is written again after this time, so that its file says how new it is. */
const REWRITE_MS = 60_000;

export interface LastKnownGoodOptions {
  /** Without them, views are kept in memory alone. */
  readonly files: ViewFiles | undefined;
  /** What was confirmed longer ago is not used. */
  readonly maxAgeMs: number;
  readonly clock: Clock;
  readonly logger: ClientLogger;
}

/** A view and when a server last confirmed it, on the monotonic clock (before 0 for times before the process). */
export interface RememberedView {
  readonly view: SyncedView;
  readonly confirmedMs: number;
}

interface Entry extends RememberedView {
  readonly target: WatchTarget;
  /** What the file holds, and since when. */
  written: { readonly view: SyncedView; readonly atMs: number } | undefined;
}

/**
 * The last view of each service that a server has confirmed: in memory, for a
 * watch that is begun anew in this process, and in a file, for the next
 * process. A watch goes on from it, and shows it while no server answers.
 */
export class LastKnownGood {
  readonly #options: LastKnownGoodOptions;
  /** By file name; the one used last is last. */
  readonly #entries = new Map<string, Entry>();
  /** Of {@link #entries}, those whose file is behind. */
  readonly #unwritten = new Set<string>();
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failing = false;

  constructor(options: LastKnownGoodOptions) {
    this.#options = options;
  }

  /** What is known of a service from before; undefined for nothing, or nothing that may be used. Never throws. */
  async recall(target: WatchTarget): Promise<RememberedView | undefined> {
    const { maxAgeMs, clock, logger } = this.#options;
    const known = this.#entries.get(viewFileName(target)) ?? (await this.#read(target));
    if (known === undefined) return undefined;
    const ageMs = clock.monotonicMs() - known.confirmedMs;
    if (ageMs <= maxAgeMs) return known;
    const { service } = target;
    logger.warn({ service, ageMs }, `the last known view of ${service} is too old to be used`);
    return undefined;
  }

  /** Notes what a server has just confirmed. */
  note(target: WatchTarget, view: SyncedView): void {
    const { clock, files } = this.#options;
    const name = viewFileName(target);
    const written = this.#entries.get(name)?.written;
    this.#entries.delete(name);
    this.#entries.set(name, { target, view, confirmedMs: clock.monotonicMs(), written });
    if (this.#entries.size > REMEMBERED_MAX) this.#forgetOldest();
    if (files === undefined) return;
    const behind = written?.view.endpoints !== view.endpoints || clock.monotonicMs() - written.atMs >= REWRITE_MS;
    if (!behind) return;
    this.#unwritten.add(name);
    this.#timer ??= clock.after(WRITE_DELAY_MS, () => void this.flush());
  }

  /** Writes what is to be written. Never throws. */
  flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#writeAll());
    return this.#writing;
  }

  async #read(target: WatchTarget): Promise<RememberedView | undefined> {
    const { files, clock, logger } = this.#options;
    const { service } = target;
    try {
      const file = await files?.read(target);
      if (file === undefined) return undefined;
      // A wall clock that was set back makes nothing newer than now.
      const ageMs = Math.max(0, clock.wallMs() - file.confirmedWallMs);
      return { view: file.view, confirmedMs: clock.monotonicMs() - ageMs };
    } catch (error) {
      logger.warn({ service, err: error }, `the last known view of ${service} is ignored: ${messageOf(error)}`);
      return undefined;
    }
  }

  #forgetOldest(): void {
    for (const name of this.#entries.keys()) {
      if (this.#unwritten.has(name)) continue;
      this.#entries.delete(name);
      return;
    }
  }

  async #writeAll(): Promise<void> {
    const { clock } = this.#options;
    for (const name of this.#unwritten) {
      this.#unwritten.delete(name);
      const entry = this.#entries.get(name);
      if (entry === undefined) continue;
      const { view } = entry;
      await this.#write(entry);
      // Also when it failed: the next change, or the next minute, is soon enough to try again.
      const newest = this.#entries.get(name);
      if (newest !== undefined) newest.written = { view, atMs: clock.monotonicMs() };
    }
  }

  async #write({ target, view, confirmedMs }: Entry): Promise<void> {
    const { files, clock, logger } = this.#options;
    const { service } = target;
    try {
      const confirmedWallMs = clock.wallMs() - (clock.monotonicMs() - confirmedMs);
      await files?.write(target, { view, confirmedWallMs });
      this.#failing = false;
    } catch (error) {
      // One line for a full disk, not one a second.
      if (!this.#failing)
        logger.warn({ service, err: error }, `cannot keep the view of ${service}: ${messageOf(error)}`);
      this.#failing = true;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
