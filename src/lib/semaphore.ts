import { Deque } from './deque.js';
import { onAbort } from './on-abort.js';

interface Waiter {
  /** Undefined once it waits no more. */
  enter: (() => void) | undefined;
}

/** Fewer that wait no more are not worth the trouble. */
const GONE_MIN = 32;

/** Lets so many pieces of asynchronous work happen at a time, in the order they were asked for. */
export class Semaphore {
  #free: number;
  #waiters = new Deque<Waiter>();
  /** How many of them wait no more. */
  #gone = 0;

  constructor(atOnceMax: number) {
    this.#free = atOnceMax;
  }

  /**
   * Runs `work` when it is its turn; settles as it does.
   *
   * @throws the signal's reason, if it is aborted before it is the work's turn
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        enter: () => {
          unfollow?.();
          resolve();
        },
      };
      const unfollow =
        signal &&
        onAbort(signal, () => {
          waiter.enter = undefined;
          this.#gone++;
          this.#forgetGone();
          reject(signal.reason as Error);
        });
      this.#waiters.push(waiter);
    });
  }

  /** Hands the place on to whoever waits the longest. */
  #leave(): void {
    let next = this.#waiters.shift();
    while (next !== undefined && next.enter === undefined) {
      this.#gone--;
      next = this.#waiters.shift();
    }
    if (next === undefined) this.#free++;
    else next.enter?.();
  }

  /** While the places are taken for long, those who give up must not pile up. */
  #forgetGone(): void {
    if (this.#gone < GONE_MIN || this.#gone * 2 < this.#waiters.length) return;
    const waiting = [...this.#waiters].filter(({ enter }) => enter !== undefined);
    this.#waiters = new Deque();
    for (const waiter of waiting) this.#waiters.push(waiter);
    this.#gone = 0;
  }
}
