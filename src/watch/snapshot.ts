import type { Digest } from '../core/digest.js';
import type { Revision } from '../core/token.js';
import type { Snapshot_Reason } from '../gen/rollcall/v1/discovery.js';
import type { EndpointRecord } from '../directory/schema.js';
import { framedBytes, snapshotMessage } from './messages.js';

/**
 * What a chunk is filled up to. One chunk is about what HTTP/2 lets through
 * before the reader has to answer, so this is also what a watcher that reads
 * nothing costs. Far below 1 MiB, the most a message may take, even with the largest
 * endpoint on top.
 */
const CHUNK_BYTES = 64 * 1024;

/**
 * A view at one revision, in chunks that are encoded when first asked for.
 *
 * A watcher that reads slowly holds on to the snapshot it began, so that all its
 * chunks are of one revision. Once a newer snapshot has taken its place
 * ({@link retire}) it keeps no encoded chunks, only references to records, most
 * of which are shared with the present state.
 */
export class Snapshot {
  readonly revision: Revision;
  readonly digest: Digest;
  readonly resumeToken: string;
  readonly reason: Snapshot_Reason;
  readonly #records: readonly EndpointRecord[];
  /** The index of each chunk's first record. */
  readonly #starts: readonly number[];
  readonly #chunks: (Buffer | undefined)[] = [];
  #retired = false;

  constructor(view: {
    readonly records: readonly EndpointRecord[];
    readonly revision: Revision;
    readonly digest: Digest;
    readonly resumeToken: string;
    readonly reason: Snapshot_Reason;
  }) {
    this.revision = view.revision;
    this.digest = view.digest;
    this.resumeToken = view.resumeToken;
    this.reason = view.reason;
    this.#records = view.records;
    this.#starts = chunkStarts(view.records);
  }

  /** At least 1: an empty view is one empty chunk. */
  get chunkCount(): number {
    return this.#starts.length;
  }

  chunk(index: number): Buffer {
    const cached = this.#chunks[index];
    if (cached !== undefined) return cached;
    const message = this.#encode(index);
    if (!this.#retired) this.#chunks[index] = message;
    return message;
  }

  /** Lets go of encoded chunks, and keeps none from now on. */
  retire(): void {
    this.#retired = true;
    this.#chunks.length = 0;
  }

  #encode(index: number): Buffer {
    const last = index === this.#starts.length - 1;
    const records = this.#records.slice(this.#starts[index], this.#starts[index + 1]);
    const { revision, reason, resumeToken, digest } = this;
    return snapshotMessage(
      { endpoints: records.map((record) => record.encoded), last, reason },
      last ? { revision, resumeToken, digest } : { revision },
    );
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
