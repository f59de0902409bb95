import type { Revision } from '../contract.js';
import type { CommitGroup } from '../embedded/persistence.js';
import { LatestRows, type LatestRow } from './latest-rows.js';

/** A pass begins when so many rows wait, so that it finds neighbours to write together. */
export const BACKLOG_ROWS = 8_192;

/** Or so many bytes, so that large values neither come all at once nor are due when the history lets them go. */
const BACKLOG_BYTES = 4 * 1024 * 1024;

/** Rows of a pass that a group writes at least. */
const PORTION_ROWS_MIN = 256;

/** Rows to be written with a group. */
export interface Portion {
  readonly rows: readonly LatestRow[];
  /** Once they are, the tables hold every change up to here. */
  readonly applied: Revision;
}

/**
 * What the table `history` has on disk and the tables `kv` and `leases` do not.
 *
 * The rows of a group are all over these two, one to a page, and the history is
 * one place: a group writes its history, from which the rest follows, and that
 * is all that must be on disk when it is answered. The rows follow in passes, a
 * portion with each group, in the order of the tables. By then many were made
 * anew, and those that are neighbours share a page. A load brings the tables
 * forward by the history after `applied`. It may find rows of an unfinished
 * pass, which are newer, and does not mind: of what changed since, the history
 * has the last word.
 */
export class Backlog {
  readonly #rowsMax: number;
  /** What the present pass does not have. */
  #waiting: LatestRows;
  #revision: Revision;
  #pass: readonly LatestRow[] = [];
  #passed = 0;
  #passRevision: Revision = 0;
  #applied: Revision;

  /** `waiting` is what changed after `applied`, up to `revision`. A pass begins at `rowsMax`, or at 4 MiB. */
  constructor(
    waiting: LatestRows,
    {
      applied,
      revision,
      rowsMax,
    }: { readonly applied: Revision; readonly revision: Revision; readonly rowsMax: number },
  ) {
    this.#waiting = waiting;
    this.#applied = applied;
    this.#revision = revision;
    this.#rowsMax = rowsMax;
  }

  get applied(): Revision {
    return this.#applied;
  }

  /** The next rows of the pass, for a group that itself changes `groupRows`: more than those, so that a pass comes to its end. */
  portion(groupRows: number): Portion {
    const isDue = this.#waiting.size >= this.#rowsMax || this.#waiting.valueBytes >= BACKLOG_BYTES;
    if (this.#passed === this.#pass.length && isDue) {
      this.#pass = this.#waiting.sorted();
      this.#passed = 0;
      this.#passRevision = this.#revision;
      this.#waiting = new LatestRows();
    }
    if (this.#passed === this.#pass.length) return { rows: [], applied: this.#applied };
    const rows = this.#pass.slice(this.#passed, this.#passed + Math.max(PORTION_ROWS_MIN, 2 * groupRows));
    const isLast = this.#passed + rows.length === this.#pass.length;
    return { rows, applied: isLast ? this.#passRevision : this.#applied };
  }

  /** All that waits, and the group's own, oldest first: of a row that comes twice, the last is right. */
  everything(group: CommitGroup): Portion {
    const own = new LatestRows();
    own.take(group);
    const rows = [...this.#pass.slice(this.#passed), ...this.#waiting.sorted(), ...own.sorted()];
    return { rows, applied: group.revision };
  }

  /** The group is on disk, and the portion with it. */
  written(group: CommitGroup, { rows, applied }: Portion): void {
    this.#revision = group.revision;
    this.#applied = applied;
    if (applied === group.revision) {
      this.#pass = [];
      this.#passed = 0;
      this.#waiting = new LatestRows();
    } else {
      this.#passed += rows.length;
      this.#waiting.take(group);
    }
  }
}
