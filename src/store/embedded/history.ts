import { Deque } from '../../lib/deque.js';
import type { Revision } from '../contract.js';
import type { TimedBatch } from './persistence.js';

/** How much history is kept: whichever bound is met first. */
export interface HistoryBounds {
  /** Revisions. */
  readonly countMax: number;
  readonly ageMsMax: number;
}

/** The durable batches that followers may still ask for: those after `floor`. */
export class History {
  readonly #batches = new Deque<TimedBatch>();
  readonly #bounds: HistoryBounds;
  #floor: Revision;

  constructor(bounds: HistoryBounds, floor: Revision, batches: Iterable<TimedBatch>) {
    this.#bounds = bounds;
    this.#floor = floor;
    for (const batch of batches) this.#batches.push(batch);
  }

  get floor(): Revision {
    return this.#floor;
  }

  append(batches: readonly TimedBatch[]): void {
    for (const batch of batches) this.#batches.push(batch);
  }

  /** Every batch with a revision greater than `revision`. */
  after(revision: Revision): TimedBatch[] {
    const from = this.#batches.firstIndex((batch) => batch.revision > revision);
    return Array.from({ length: this.#batches.length - from }, (_, index) => this.#batches.at(from + index));
  }

  /** The floor that the bounds ask for, once `incoming` more batches are appended. Never below the present floor. */
  dueFloor(incoming: number, nowWallMs: number): Revision {
    const excess = Math.min(this.#batches.length + incoming - this.#bounds.countMax, this.#batches.length);
    const oldestMs = nowWallMs - this.#bounds.ageMsMax;
    const aged = this.#batches.firstIndex((batch) => batch.timeMs >= oldestMs);
    const drop = Math.max(excess, aged);
    return drop > 0 ? this.#batches.at(drop - 1).revision : this.#floor;
  }

  trimTo(floor: Revision): void {
    while ((this.#batches.first()?.revision ?? Infinity) <= floor) this.#batches.shift();
    this.#floor = Math.max(this.#floor, floor);
  }
}
