/** Lets asynchronous work happen one at a time, in the order it was asked for. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` once everything asked for before has settled; settles as it does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    // The next in line waits, but the failure is not its own.
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
