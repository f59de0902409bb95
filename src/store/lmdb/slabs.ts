const SLAB_BYTES = 16 * 1024;
const SHARED_MAX_BYTES = 2 * 1024;

/**
 * Copies of small values, many to an allocation: with one for each of 200,000, the
 * garbage collector took a third of a load's time. A slab is held in memory while
 * any of its values is.
 */
export class Slabs {
  #slab = new ArrayBuffer(0);
  #used = 0;

  copy(bytes: Uint8Array): Uint8Array {
    if (bytes.length > SHARED_MAX_BYTES) return new Uint8Array(bytes);
    if (this.#used + bytes.length > this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = new Uint8Array(this.#slab, this.#used, bytes.length);
    copy.set(bytes);
    this.#used += bytes.length;
    return copy;
  }
}
