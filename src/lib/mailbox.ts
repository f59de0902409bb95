import { Deque } from './deque.js';

type Waiter<T> = {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
};

/** What one side gives and the other iterates over, in order. How much may wait is for the giver to see to. */
export class Mailbox<T> implements AsyncIterableIterator<T, undefined> {
  readonly #waiting = new Deque<T>();
  #reader: Waiter<T> | undefined;
  #onEmpty: (() => void)[] = [];
  #end: { readonly error: unknown } | undefined;

  give(value: T): void {
    if (this.#end !== undefined) return;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) this.#waiting.push(value);
    else reader.resolve({ done: false, value });
  }

  /** Ends the iteration at once, by throwing if there is an error; what waits is dropped. Idempotent. */
  end(error?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    while (this.#waiting.length > 0) this.#waiting.shift();
    this.#tellEmpty();
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) this.#finish(reader);
  }

  /** Resolves once nothing waits any more. */
  empty(): Promise<void> {
    if (this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  /** To be called by one reader, and once at a time. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#waiting.length > 0) {
      const value = this.#waiting.shift() as T;
      if (this.#waiting.length === 0) this.#tellEmpty();
      return Promise.resolve({ done: false, value });
    }
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      if (this.#end !== undefined) this.#finish(this.#reader);
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** An error is thrown once; after it there is nothing. */
  #finish(reader: Waiter<T>): void {
    const error = this.#end?.error;
    this.#end = { error: undefined };
    if (error === undefined) reader.resolve({ done: true, value: undefined });
    else reader.reject(error);
  }

  #tellEmpty(): void {
    for (const tell of this.#onEmpty.splice(0)) tell();
  }
}
