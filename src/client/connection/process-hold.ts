const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Keeps the process alive while anybody holds it. The client's own timers do
 * not, and neither does a connection that is down: without this, a program
 * that only waits for a server to come back would end in silence.
 */
export class ProcessHold {
  #holders = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Returns the release, of which only the first call counts. */
  hold(): () => void {
    this.#holders++;
    this.#timer ??= setInterval(() => {}, LONGEST_TIMER_MS);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (--this.#holders > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }
}
