import { Deque } from './deque.js';
import { onAbort } from './on-abort.js';

interface Waiter {
  readonly enter: () => void;
  gone: boolean;
}

/** Lets so many pieces of asynchronous work happen at a time, in the order they were asked for. */
export class Semaphore {
  #free: number;
  readonly #waiters = new Deque<Waiter>();

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
        gone: false,
        enter: () => {
          unfollow?.();
          resolve();
        },
      };
      const unfollow =
        signal &&
        onAbort(signal, () => {
          waiter.gone = true;
          reject(signal.reason as Error);
        });
      this.#waiters.push(waiter);
    });
  }

  /** Hands the place on to whoever waits the longest. */
  #leave(): void {
    let next = this.#waiters.shift();
    while (next?.gone === true) next = this.#waiters.shift();
    if (next === undefined) this.#free++;
    else next.enter();
  }
}
