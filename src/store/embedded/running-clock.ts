import type { Clock, Timer } from '../../lib/clock.js';

/** How often the clock looks at itself, and so the grain of everything measured on it. */
export const TICK_MS = 100;

/** Lateness of a tick below this is ordinary jitter and not credited. */
const JITTER_MS = 50;

/** From here on a stall counts as a restart: a client may have given the server up and be reconnecting. */
const RESTART_STALL_MS = 1_000;

/**
 * Time in which this process was running.
 *
 * A tick that comes late tells that the process was stopped, starved or busy,
 * and could not have heard a renewal meanwhile. That time is taken out of the
 * clock, so that every deadline on it moves by as much: the server's own
 * slowness is never a client's death (etcd#15247, nacos#7697).
 */
export class RunningClock {
  readonly #clock: Clock;
  readonly #timer: Timer;
  #creditedMs = 0;
  #lastTickMs: number;

  /** `onTick` is called every {@link TICK_MS}; `restarted` tells that the process had stalled for a second or more. */
  constructor(clock: Clock, onTick: (restarted: boolean) => void) {
    this.#clock = clock;
    this.#lastTickMs = clock.monotonicMs();
    this.#timer = clock.every(TICK_MS, () => onTick(this.#credit() >= RESTART_STALL_MS));
  }

  nowMs(): number {
    return this.#clock.monotonicMs() - this.#creditedMs;
  }

  stop(): void {
    this.#timer.cancel();
  }

  /** Takes the stall since the last tick out of the clock and returns it. */
  #credit(): number {
    const now = this.#clock.monotonicMs();
    const stallMs = now - this.#lastTickMs - TICK_MS;
    this.#lastTickMs = now;
    if (stallMs <= JITTER_MS) return 0;
    this.#creditedMs += stallMs;
    return stallMs;
  }
}
