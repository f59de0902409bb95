import { Deque } from '../../lib/deque.js';
import type { Revision } from '../contract.js';
import type { TimedBatch } from './persistence.js';

/** How much history is kept: whichever bound is met first. */
export interface HistoryBounds {
  /** Revisions. */
  readonly countMax: number;
  readonly ageMsMax: number;
  /** Keys and values, new and previous, as stored. */
  readonly bytesMax: number;
}

/** What a change takes besides its key and values. */
const CHANGE_OVERHEAD_BYTES = 128;

/** The durable batches that followers may still ask for: those after `floor`. */
export class History {
  readonly #batches = new Deque<{ readonly batch: TimedBatch; readonly bytes: number }>();
  readonly #bounds: HistoryBounds;
  #floor: Revision;
  #bytes = 0;

  constructor(bounds: HistoryBounds, floor: Revision, batches: Iterable<TimedBatch>) {
    this.#bounds = bounds;
    this.#floor = floor;
    this.append(batches);
  }

  get floor(): Revision {
    return this.#floor;
  }

  append(batches: Iterable<TimedBatch>): void {
    for (const batch of batches) {
      const bytes = bytesOf(batch);
      this.#batches.push({ batch, bytes });
      this.#bytes += bytes;
    }
  }

  /** Every batch with a revision greater than `revision`. */
  after(revision: Revision): TimedBatch[] {
    const from = this.#batches.firstIndex(({ batch }) => batch.revision > revision);
    return Array.from({ length: this.#batches.length - from }, (_, index) => this.#batches.at(from + index).batch);
  }

  /** The floor that the bounds ask for, once `incoming` is appended. Never below the present floor. */
  dueFloor(incoming: readonly TimedBatch[], nowWallMs: number): Revision {
    const excess = Math.min(this.#batches.length + incoming.length - this.#bounds.countMax, this.#batches.length);
    const oldestMs = nowWallMs - this.#bounds.ageMsMax;
    const aged = this.#batches.firstIndex(({ batch }) => batch.timeMs >= oldestMs);
    let drop = Math.max(excess, aged, 0);
    let bytes = incoming.reduce((sum, batch) => sum + bytesOf(batch), this.#bytes);
    for (let index = 0; index < this.#batches.length; index++) {
      if (index >= drop && bytes <= this.#bounds.bytesMax) break;
      bytes -= this.#batches.at(index).bytes;
      drop = Math.max(drop, index + 1);
    }
    return drop > 0 ? this.#batches.at(drop - 1).batch.revision : this.#floor;
  }

  trimTo(floor: Revision): void {
    while ((this.#batches.first()?.batch.revision ?? Infinity) <= floor) this.#bytes -= this.#batches.shift()!.bytes;
    this.#floor = Math.max(this.#floor, floor);
  }
}

function bytesOf({ changes }: TimedBatch): number {
  return changes.reduce(
    (sum, { key, entry, prev }) =>
      sum + CHANGE_OVERHEAD_BYTES + key.length + (entry?.value.length ?? 0) + (prev?.value.length ?? 0),
    0,
  );
}
