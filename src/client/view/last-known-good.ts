import { RollcallError } from '../../core/errors.js';
import type { Clock, Timer } from '../../lib/clock.js';
import { linkAbort, orAbort } from '../../lib/linked-abort.js';
import { Semaphore } from '../../lib/semaphore.js';
import { messageOf } from '../../lib/message-of.js';
import type { ClientLogger } from '../logger.js';
import type { ViewFiles } from './view-directory.js';
import { viewFileName, type ViewFile } from './view-file.js';
import type { SyncedView } from './view-state.js';
import type { WatchTarget } from './service-watch.js';

/** Services whose view is kept after nobody watches them any more. */
const REMEMBERED_MAX = 1_000;

/** A watch waits no longer than this for its file, to begin without it. */
const READ_WITHIN_MS = 1_000;

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
  /** By file name. */
  readonly #entries = new Map<string, Entry>();
  /** How often each file's service is watched. */
  readonly #watches = new Map<string, number>();
  /** Of {@link #entries}, those that nobody watches; the one that was left last is last. */
  readonly #left = new Set<string>();
  /** Of {@link #entries}, those whose file is behind. */
  #unwritten = new Set<string>();
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #failing = false;
  /** One at a time: of the few threads that Node has for disks and DNS, a disk that hangs takes one. */
  readonly #reads = new Semaphore(1);
  /** The read under way has used its time up. */
  #readHangs = false;

  constructor(options: LastKnownGoodOptions) {
    this.#options = options;
  }

  /**
   * What is known of a service from before; undefined for nothing, nothing that may be used, or nothing that could be
   * read within a second or before the signal was aborted. Never throws.
   */
  async recall(target: WatchTarget, signal: AbortSignal): Promise<RememberedView | undefined> {
    const { maxAgeMs, clock, logger } = this.#options;
    const known = this.#entries.get(viewFileName(target)) ?? (await this.#read(target, signal));
    if (known === undefined) return undefined;
    const ageMs = clock.monotonicMs() - known.confirmedMs;
    if (ageMs <= maxAgeMs) return known;
    const { service } = target;
    logger.warn({ service, ageMs }, `the last known view of ${service} is too old to be used`);
    return undefined;
  }

  /** Keeps what is known of a service while it is watched, and then for as long as there is room. Returns the release, to be called once. */
  hold(target: WatchTarget): () => void {
    const name = viewFileName(target);
    this.#watches.set(name, (this.#watches.get(name) ?? 0) + 1);
    this.#left.delete(name);
    return () => {
      const others = (this.#watches.get(name) ?? 0) - 1;
      if (others > 0) {
        this.#watches.set(name, others);
        return;
      }
      this.#watches.delete(name);
      if (!this.#entries.has(name)) return;
      this.#left.add(name);
      if (this.#left.size > REMEMBERED_MAX) this.#forgetOne();
    };
  }

  /** Notes what a server has just confirmed of a service that is watched. */
  note(target: WatchTarget, view: SyncedView): void {
    const { clock, files } = this.#options;
    const name = viewFileName(target);
    const written = this.#entries.get(name)?.written;
    this.#entries.set(name, { target, view, confirmedMs: clock.monotonicMs(), written });
    if (files === undefined) return;
    const behind = written?.view.endpoints !== view.endpoints || clock.monotonicMs() - written.atMs >= REWRITE_MS;
    if (!behind) return;
    this.#unwritten.add(name);
    this.#writeLater();
  }

  /** Writes what is to be written, for as long as it takes. Never throws. */
  async flush(): Promise<void> {
    await this.#writing;
    await this.#writeNow();
  }

  async #read(target: WatchTarget, signal: AbortSignal): Promise<RememberedView | undefined> {
    const { files, clock, logger } = this.#options;
    const { service } = target;
    if (files === undefined || this.#readHangs || signal.aborted) return undefined;
    const scope = linkAbort(signal);
    const late = new RollcallError('TIMED_OUT', `it could not be read within ${READ_WITHIN_MS} ms`);
    // In two parts: time in which the event loop was blocked, as when a process starts, uses up no more than one.
    let timer = clock.after(READ_WITHIN_MS / 2, () => {
      timer = clock.after(READ_WITHIN_MS / 2, () => scope.abort(late));
    });
    try {
      const file = await orAbort(
        this.#reads.run(() => this.#readFile(files, target), scope.signal),
        scope.signal,
      );
      if (file === undefined) return undefined;
      // A wall clock that was set back makes nothing newer than now.
      const ageMs = Math.max(0, clock.wallMs() - file.confirmedWallMs);
      return { view: file.view, confirmedMs: clock.monotonicMs() - ageMs };
    } catch (error) {
      if (error === late) this.#onReadHangs(service, late);
      else if (error !== signal.reason)
        logger.warn({ service, err: error }, `the last known view of ${service} is ignored: ${messageOf(error)}`);
      return undefined;
    } finally {
      timer.cancel();
      scope.unlink();
    }
  }

  async #readFile(files: ViewFiles, target: WatchTarget): Promise<ViewFile | undefined> {
    try {
      return await files.read(target);
    } finally {
      this.#readHangs = false;
    }
  }

  #onReadHangs(service: string, error: RollcallError): void {
    // One line for a disk that hangs, not one for each service.
    if (!this.#readHangs)
      this.#options.logger.warn(
        { service, err: error },
        `the last known view of ${service} is ignored: ${error.message}`,
      );
    this.#readHangs = true;
  }

  /** The one that was left first; one whose file is behind only if all are. */
  #forgetOne(): void {
    const [first] = this.#left;
    const name = [...this.#left].find((left) => !this.#unwritten.has(left)) ?? first;
    if (name === undefined) return;
    this.#left.delete(name);
    this.#unwritten.delete(name);
    this.#entries.delete(name);
  }

  #writeLater(): void {
    if (this.#unwritten.size === 0) return;
    this.#timer ??= this.#options.clock.after(WRITE_DELAY_MS, () => void this.#writeNow());
  }

  #writeNow(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    // What comes while files are written has its turn after them.
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
      this.#writeLater();
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    const { clock } = this.#options;
    const names = this.#unwritten;
    this.#unwritten = new Set();
    for (const name of names) {
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
