import { firstIndex } from './first-index.js';

/** A queue that is pushed at the back and shifted at the front, both in amortised O(1). */
export class Deque<T> implements Iterable<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The item at `index` from the front, which must exist. */
  at(index: number): T {
    if (index < 0 || index >= this.length) throw new RangeError(`no item at ${index} of ${this.length}`);
    return this.#items[this.#head + index] as T;
  }

  first(): T | undefined {
    return this.#items[this.#head];
  }

  last(): T | undefined {
    return this.length === 0 ? undefined : this.#items[this.#items.length - 1];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head >= 32 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** The first index whose item satisfies a predicate that is false, then true, along the queue. */
  firstIndex(predicate: (item: T) => boolean): number {
    return firstIndex(this.length, (index) => predicate(this.at(index)));
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }
}
