import type { Revision } from '../core/token.js';
import type { EndpointRecord } from '../directory/schema.js';
import type { Snapshot_Reason } from '../gen/rollcall/v1/discovery.js';
import { framedBytes, positioned, snapshotBody, type Position } from './messages.js';

/**
 * What a chunk is filled up to. One chunk is about what HTTP/2 lets through
 * before the reader has to answer, so this is also what a watcher that reads
 * nothing costs. Far below 1 MiB, the most a message may take, even with the
 * largest endpoint on top.
 */
const CHUNK_BYTES = 64 * 1024;

/**
 * A view, in chunks that are encoded when first asked for and shared by all who
 * begin while the view stays as it is, at whatever revision.
 *
 * A watcher that reads slowly holds on to the snapshot it began, so that all its
 * chunks are of one view. Once the view has changed ({@link retire}) the snapshot
 * keeps no encoded chunks, only references to records, most of which are shared
 * with the present state; and when too many newer ones have been begun meanwhile
 * ({@link abandon}) not even these, and its watcher starts over.
 */
export class Snapshot {
  readonly reason: Snapshot_Reason;
  #records: readonly EndpointRecord[];
  /** The index of each chunk's first record. */
  readonly #starts: readonly number[];
  readonly #bodies: Buffer[] = [];
  /** Whole messages, for those who begin at one revision. */
  #messages: { readonly revision: Revision; readonly chunks: Buffer[] } = { revision: -1, chunks: [] };
  #state: 'current' | 'retired' | 'abandoned' = 'current';

  constructor(records: readonly EndpointRecord[], reason: Snapshot_Reason) {
    this.reason = reason;
    this.#records = records;
    this.#starts = chunkStarts(records);
  }

  /** At least 1: an empty view is one empty chunk. */
  get chunkCount(): number {
    return this.#starts.length;
  }

  get abandoned(): boolean {
    return this.#state === 'abandoned';
  }

  /** The message for a watcher that began at `position`, which the last chunk tells it. */
  chunk(index: number, position: Required<Position>): Buffer {
    const { revision } = position;
    if (this.#messages.revision === revision) {
      const made = this.#messages.chunks[index];
      if (made !== undefined) return made;
    } else if (this.#messages.revision < revision) {
      this.#messages = { revision, chunks: [] };
    }
    const message = positioned(this.#body(index), index === this.chunkCount - 1 ? position : { revision });
    if (this.#state === 'current' && this.#messages.revision === revision) this.#messages.chunks[index] = message;
    return message;
  }

  /** Lets go of encoded chunks, and keeps none from now on. */
  retire(): void {
    this.#state = 'retired';
    this.#bodies.length = 0;
    this.#messages = { revision: -1, chunks: [] };
  }

  /** Lets go of everything: no chunk may be asked for any more. */
  abandon(): void {
    this.#state = 'abandoned';
    this.#records = [];
  }

  #body(index: number): Buffer {
    const made = this.#bodies[index];
    if (made !== undefined) return made;
    const records = this.#records.slice(this.#starts[index], this.#starts[index + 1]);
    const last = index === this.chunkCount - 1;
    const body = snapshotBody({ endpoints: records.map((record) => record.encoded), last, reason: this.reason });
    if (this.#state === 'current') this.#bodies[index] = body;
    return body;
  }
}

function chunkStarts(records: readonly EndpointRecord[]): number[] {
  const starts = [0];
  let bytes = 0;
  for (const [index, { encoded }] of records.entries()) {
    const size = framedBytes(encoded);
    if (bytes > 0 && bytes + size > CHUNK_BYTES) {
      starts.push(index);
      bytes = 0;
    }
    bytes += size;
  }
  return starts;
}
