import { isRollcallError, RollcallError } from '../../core/errors.js';
import type { Epoch } from '../contract.js';
import type { CommitGroup, PersistedState, Persistence } from '../embedded/persistence.js';
import { Backlog, type Portion } from './backlog.js';
import type { DataDirectory } from './data-directory.js';
import { hasRoom, roomFor } from './disk-room.js';
import { Environment } from './environment.js';
import { codeOf, failureOf, full, unavailable } from './failures.js';
import { encodeHead, HEAD_KEY, type Head } from './head.js';
import type { LatestRow } from './latest-rows.js';
import type { Loaded } from './load-state.js';
import { encodeBatch, encodeEntry, encodeLease } from './rows.js';
import type { RowChange, Tables } from './table.js';

/**
 * A {@link Persistence} over LMDB. A group is one transaction of LMDB: its
 * history, a portion of the {@link Backlog}, and the head.
 */
export class LmdbPersistence implements Persistence {
  readonly #directory: DataDirectory;
  readonly #tables: Tables;
  readonly #backlog: Backlog;
  #state: PersistedState | undefined;
  #head: Head;
  #headRow: Buffer;
  /** None before the first write, and after a failure, until the next write opens one. */
  #environment: Environment | undefined;
  #writing: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** Takes over `directory`, whose data was just read. `backlogRows` is when a pass begins. */
  constructor(directory: DataDirectory, { state, head, headRow, tables, unapplied }: Loaded, backlogRows: number) {
    this.#directory = directory;
    this.#state = state;
    this.#head = head;
    this.#headRow = headRow;
    this.#tables = tables;
    this.#backlog = new Backlog(unapplied, { applied: head.applied, revision: head.revision, rowsMax: backlogRows });
  }

  async load(): Promise<PersistedState> {
    const state = this.#state;
    if (state === undefined) throw new RollcallError('INTERNAL', 'the state was loaded before');
    this.#state = undefined;
    return state;
  }

  /** Lets the history go and gives what follows another name. To be called before {@link load}. */
  async beginEpoch(epoch: Epoch): Promise<void> {
    const { revision } = this.#head;
    await this.#write({ revision, floor: revision, batches: [], leasesGranted: [], leasesEnded: [] }, epoch);
    if (this.#state !== undefined) this.#state = { ...this.#state, epoch, floor: revision, history: [] };
  }

  write(group: CommitGroup): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new RollcallError('SHUTTING_DOWN', 'the store is closed'));
    const writing = this.#write(group);
    this.#writing = writing.catch(() => undefined);
    return writing;
  }

  /** Waits for the write under way and lets go of the directory. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#writing;
    await this.#dropEnvironment();
    this.#directory.close();
  }

  async #write(group: CommitGroup, epoch = this.#head.epoch): Promise<void> {
    refuseOutOfOrder(this.#head, group);
    if (!this.#isToldByHistory(group)) return this.#writeWith(group, this.#backlog.everything(group), epoch);
    const portion = this.#backlog.portion(rowsOf(group));
    try {
      await this.#writeWith(group, portion, epoch);
    } catch (error) {
      if (portion.rows.length === 0 || !isRollcallError(error, 'STORE_FULL')) throw error;
      // The group may have room by itself, and the tables can wait.
      await this.#writeWith(group, { rows: [], applied: this.#backlog.applied }, epoch);
    }
  }

  async #writeWith(group: CommitGroup, portion: Portion, epoch: Epoch): Promise<void> {
    const { revision, floor, batches } = group;
    for (const batch of batches) {
      // What becomes of leases is told with the last revision.
      const leases = batch.revision === revision ? group : undefined;
      if (batch.revision > floor) this.#tables.history.put(batch.revision, (key) => encodeBatch(key, batch, leases));
    }
    for (const row of portion.rows) this.#stage(row);
    this.#stageCompaction(this.#head.floor, floor);
    await this.#commit({ ...this.#head, epoch, revision, floor, applied: portion.applied });
    this.#backlog.written(group, portion);
  }

  /** Whether a load would know from the history all that the tables lack after this group. */
  #isToldByHistory({ floor, batches, leasesGranted, leasesEnded }: CommitGroup): boolean {
    const isOfLeasesAlone = batches.length === 0 && leasesGranted.length + leasesEnded.length > 0;
    return floor <= this.#backlog.applied && !isOfLeasesAlone;
  }

  #stage(row: LatestRow): void {
    const { kv, leases } = this.#tables;
    if (row.table === 'kv') {
      const { id, value } = row;
      if (value === undefined) kv.remove(id);
      else kv.put(id, (key) => encodeEntry(key, value));
    } else {
      const { id, value } = row;
      if (value === undefined) leases.remove(id);
      else leases.put(id, (key) => encodeLease(key, value));
    }
  }

  #stageCompaction(from: number, to: number): void {
    for (let revision = from + 1; revision <= to; revision++) this.#tables.history.remove(revision);
  }

  /** Writes what is staged. */
  async #commit(to: Head): Promise<void> {
    const tables = Object.values(this.#tables);
    const { kv, history, leases } = this.#tables;
    const head = {
      ...to,
      group: this.#head.group + 1,
      kv: kv.totals(),
      history: history.totals(),
      leases: leases.totals(),
    };
    const headRow = encodeHead(head);
    try {
      await this.#flush([...tables.flatMap((table) => table.staged()), { table: 'head', key: HEAD_KEY, row: headRow }]);
    } catch (error) {
      for (const table of tables) table.discard();
      throw error;
    }
    for (const table of tables) table.commit();
    this.#head = head;
    this.#headRow = headRow;
  }

  async #flush(changes: readonly RowChange[]): Promise<void> {
    const { path, dataPath } = this.#directory;
    let neededBytes = 0;
    try {
      neededBytes = roomFor(changes, dataPath);
      if (!hasRoom(path, neededBytes)) throw full(path);
      this.#environment ??= this.#openEnvironment();
      await this.#environment.write(changes);
    } catch (error) {
      if (isRollcallError(error)) throw error;
      await this.#dropEnvironment();
      await this.#settle();
      throw isFull(error, path, neededBytes) ? full(path, error) : failureOf(dataPath, 'cannot be written', error);
    }
  }

  /**
   * Writes the head as it is. When LMDB fails to write a meta page, it leaves one there that is half the old one and
   * half that of the refused transaction, and that looks like one whose number was damaged.
   */
  async #settle(): Promise<void> {
    try {
      this.#environment = this.#openEnvironment();
      await this.#environment.write([{ table: 'head', key: HEAD_KEY, row: this.#headRow }]);
    } catch {
      // The failure goes on; the caller is told of the first one, and the next write opens the file anew.
      await this.#dropEnvironment();
    }
  }

  #openEnvironment(): Environment {
    const { dataPath } = this.#directory;
    const environment = Environment.open(dataPath);
    if (environment.get('head', HEAD_KEY)?.equals(this.#headRow) === true) return environment;
    // A write was refused and is there all the same, or one that succeeded is not.
    void environment.close();
    throw unavailable(dataPath, 'is not as it was left; the server must be restarted');
  }

  async #dropEnvironment(): Promise<void> {
    const environment = this.#environment;
    this.#environment = undefined;
    await environment?.close();
  }
}

/** The rows of the tables `kv` and `leases` that a group changes, roughly. */
function rowsOf({ batches, leasesGranted, leasesEnded }: CommitGroup): number {
  return batches.reduce((sum, { changes }) => sum + changes.length, leasesGranted.length + leasesEnded.length);
}

/** LMDB calls it EIO when the last blocks of a disk, filled by others meanwhile, took a part of what it wrote. */
function isFull(error: unknown, path: string, neededBytes: number): boolean {
  try {
    return codeOf(error) === 'EIO' && !hasRoom(path, neededBytes);
  } catch {
    // The disk cannot even be asked; the first error tells more.
    return false;
  }
}

/** A broken invariant of the caller: what was written could not be loaded again. */
function refuseOutOfOrder(head: Head, { revision, floor, batches }: CommitGroup): void {
  const revisions = [head.revision, ...batches.map((batch) => batch.revision)];
  const ascend = revisions.every((each, index) => index === 0 || each > (revisions[index - 1] ?? each));
  if (ascend && revision === revisions.at(-1) && floor >= head.floor && floor <= revision) return;
  throw new RollcallError(
    'INTERNAL',
    `revisions ${revisions.slice(1).join(', ')} to ${revision}, with floor ${floor}, ` +
      `cannot follow revision ${head.revision} with floor ${head.floor}`,
  );
}
