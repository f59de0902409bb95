/** A timer that was set; cancelling it twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Time, from outside, so that tests can hold it in their hands.
 *
 * Timers do not keep the process alive. They wait for no longer than 2^31 - 1 ms, which are 24 days.
 */
export interface Clock {
  /** Milliseconds that never go back, from an arbitrary start. Measures durations. */
  monotonicMs(): number;
  /** Milliseconds since 1970. Names moments; may jump. */
  wallMs(): number;
  /** Calls `fn` once after `delayMs`. */
  after(delayMs: number, fn: () => void): Timer;
  /** Calls `fn` every `periodMs`. */
  every(periodMs: number, fn: () => void): Timer;
  /** Calls `fn` once, after input that has already arrived was handled. */
  soon(fn: () => void): Timer;
}

/** Node's timers take no more, and fire at once instead. */
const DELAY_MS_MAX = 2 ** 31 - 1;

/** The time of the machine. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, Math.min(delayMs, DELAY_MS_MAX)).unref();
    return { cancel: () => clearTimeout(timer) };
  },
  every(periodMs, fn) {
    const timer = setInterval(fn, Math.min(periodMs, DELAY_MS_MAX)).unref();
    return { cancel: () => clearInterval(timer) };
  },
  soon(fn) {
    const immediate = setImmediate(fn);
    return { cancel: () => clearImmediate(immediate) };
  },
};
