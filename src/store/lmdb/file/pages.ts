import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { corrupt } from '../failures.js';

const CHUNK_BYTES = 1024 * 1024;

/**
 * A file's bytes, read with `read(2)`: an error of the disk is then an exception,
 * where it would be a SIGBUS in a memory map. Chunks are kept until {@link close}.
 */
export class Pages {
  readonly path: string;
  readonly sizeBytes: number;
  readonly #fd: number;
  readonly #chunks = new Map<number, Buffer>();

  /** @throws the file system's error when the file cannot be opened. */
  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, 'r');
    this.sizeBytes = fstatSync(this.#fd).size;
  }

  /** A view that must not be kept beyond the load. @throws RollcallError STORE_CORRUPT when the file ends before. */
  read(offset: number, lengthBytes: number): Buffer {
    if (offset + lengthBytes > this.sizeBytes) {
      throw this.damaged(`it ends at byte ${this.sizeBytes}, and byte ${offset + lengthBytes} is in use`);
    }
    const index = Math.floor(offset / CHUNK_BYTES);
    const from = offset - index * CHUNK_BYTES;
    const chunk = this.#chunk(index);
    if (from + lengthBytes <= chunk.length) return chunk.subarray(from, from + lengthBytes);
    const parts = [chunk.subarray(from)];
    for (let next = index + 1, left = lengthBytes - (chunk.length - from); left > 0; next++) {
      const part = this.#chunk(next).subarray(0, left);
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  damaged(what: string): Error {
    return corrupt(this.path, what);
  }

  close(): void {
    closeSync(this.#fd);
    this.#chunks.clear();
  }

  #chunk(index: number): Buffer {
    const known = this.#chunks.get(index);
    if (known !== undefined) return known;
    const offset = index * CHUNK_BYTES;
    const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, this.sizeBytes - offset));
    for (let filled = 0; filled < chunk.length;) {
      const count = readSync(this.#fd, chunk, filled, chunk.length - filled, offset + filled);
      if (count === 0) throw this.damaged(`it became shorter while it was read`);
      filled += count;
    }
    this.#chunks.set(index, chunk);
    return chunk;
  }
}
