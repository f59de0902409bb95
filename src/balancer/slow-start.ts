import type { Clock, Timer } from '../lib/clock.js';

/** What a new endpoint begins with, of its weight. */
const SHARE_MIN = 0.1;

/** How many steps a ramp has, unless the window is so short that they would be too many a second. */
const STEPS = 20;
const STEP_MS_MIN = 100;

/** The share of its weight that an endpoint has `elapsedMs` after it became ready: 10 % at first, linear, then all. */
export function rampShare(elapsedMs: number, windowMs: number): number {
  if (elapsedMs >= windowMs) return 1;
  return SHARE_MIN + (1 - SHARE_MIN) * (elapsedMs / windowMs);
}

/** Who is ramping up. A timer runs only while somebody is. */
export class SlowStart<K> {
  readonly #clock: Clock;
  readonly #onStep: () => void;
  readonly #startedMs = new Map<K, number>();
  #windowMs = 0;
  #timer: Timer | undefined;

  /** `onStep` is called whenever shares have changed by themselves. */
  constructor(clock: Clock, onStep: () => void) {
    this.#clock = clock;
    this.#onStep = onStep;
  }

  /** In how long everybody reaches the full share, also those who are ramping. 0 ends all ramps. */
  setWindow(windowMs: number): void {
    if (windowMs === this.#windowMs) return;
    this.#windowMs = windowMs;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (windowMs === 0) this.#startedMs.clear();
    this.#run();
  }

  begin(who: K): void {
    if (this.#windowMs === 0) return;
    this.#startedMs.set(who, this.#clock.monotonicMs());
    this.#run();
  }

  forget(who: K): void {
    this.#startedMs.delete(who);
    if (this.#startedMs.size === 0) this.stop();
  }

  /** From 0.1 to 1. */
  shareOf(who: K): number {
    const startedMs = this.#startedMs.get(who);
    return startedMs === undefined ? 1 : rampShare(this.#clock.monotonicMs() - startedMs, this.#windowMs);
  }

  /** Ends all ramps and the timer. */
  stop(): void {
    this.#startedMs.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #run(): void {
    if (this.#startedMs.size === 0 || this.#timer !== undefined) return;
    this.#timer = this.#clock.every(Math.max(STEP_MS_MIN, this.#windowMs / STEPS), () => this.#step());
  }

  #step(): void {
    for (const who of this.#startedMs.keys()) if (this.shareOf(who) === 1) this.#startedMs.delete(who);
    if (this.#startedMs.size === 0) this.stop();
    this.#onStep();
  }
}
