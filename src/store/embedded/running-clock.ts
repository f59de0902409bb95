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
  /** What this clock showed at the last tick. */
  #shownMs: number;
  #lastTickMs: number;

  /** `onTick` is called every {@link TICK_MS}; `restarted` tells that the process had stalled for a second or more. */
  constructor(clock: Clock, onTick: (restarted: boolean) => void) {
    this.#clock = clock;
    this.#lastTickMs = clock.monotonicMs();
    this.#shownMs = this.#lastTickMs;
    this.#timer = clock.every(TICK_MS, () => onTick(this.#tick() >= RESTART_STALL_MS));
  }

  /** Also leaves out a stall that no tick has noticed yet: what arrived meanwhile may be handled first. */
  nowMs(): number {
    return this.#shownMs + this.#sinceTick().ranMs;
  }

  stop(): void {
    this.#timer.cancel();
  }

  /** Goes on to the present. Returns the stall since the last tick. */
  #tick(): number {
    const { ranMs, stalledMs } = this.#sinceTick();
    this.#shownMs += ranMs;
    this.#lastTickMs = this.#clock.monotonicMs();
    return stalledMs;
  }

  #sinceTick(): { readonly ranMs: number; readonly stalledMs: number } {
    const ms = this.#clock.monotonicMs() - this.#lastTickMs;
    const lateMs = ms - TICK_MS;
    return lateMs > JITTER_MS ? { ranMs: TICK_MS, stalledMs: lateMs } : { ranMs: ms, stalledMs: 0 };
  }
}
