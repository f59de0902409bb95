import type { Clock, Timer } from '../../src/lib/clock.js';

interface PendingTimer {
  dueMs: number;
  readonly order: number;
  readonly periodMs: number | undefined;
  readonly fn: () => void;
}

export interface FakeClockOptions {
  /**
   * `soon` callbacks run by themselves, on the next turn of the event loop, as
   * on the system's clock. Otherwise they wait for {@link FakeClock.turn} or
   * {@link FakeClock.advance}, so that a test decides what comes between.
   * True by default.
   */
  readonly soonByItself?: boolean;
}

/** A wall clock has to begin somewhere: 2026-01-01T00:00:00Z. */
const WALL_START_MS = 1_767_225_600_000;

/**
 * Time that passes only when a test says so.
 *
 * It tells two things apart that look the same from inside a process: time in
 * which it ran ({@link advance}, {@link spend}) and time in which it did not
 * ({@link stall}).
 */
export class FakeClock implements Clock {
  readonly #soonByItself: boolean;
  #timers: PendingTimer[] = [];
  #soon: { readonly fn: () => void }[] = [];
  #nowMs = 0;
  #stalledMs = 0;
  #timersMade = 0;

  constructor({ soonByItself = true }: FakeClockOptions = {}) {
    this.#soonByItself = soonByItself;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return WALL_START_MS + this.#nowMs;
  }

  /** Milliseconds in which the process was running: all that passed, without the stalls. */
  runningMs(): number {
    return this.#nowMs - this.#stalledMs;
  }

  after(delayMs: number, fn: () => void): Timer {
    return this.#set(delayMs, undefined, fn);
  }

  every(periodMs: number, fn: () => void): Timer {
    return this.#set(periodMs, periodMs, fn);
  }

  soon(fn: () => void): Timer {
    const callback = { fn };
    this.#soon.push(callback);
    if (this.#soonByItself && this.#soon.length === 1) setImmediate(() => this.runSoon());
    return { cancel: () => void (this.#soon = this.#soon.filter((other) => other !== callback)) };
  }

  /**
   * Lets `ms` pass. Timers fire in order, each at its own time, and what they
   * set off comes to rest before the next one; `settle` waits for that.
   */
  async advance(ms: number, settle: () => Promise<void> = () => this.settle()): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    while (this.fireNext(untilMs)) await settle();
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Time passes in which the process does not run: SIGSTOP. Timers that fall due fire late. */
  stall(ms: number): void {
    this.#nowMs += ms;
    this.#stalledMs += ms;
  }

  /** Time passes in which the process is busy: timers that fall due fire late. */
  spend(ms: number): void {
    this.#nowMs += ms;
  }

  /** Goes to the next moment until `untilMs` at which timers are due, and fires them. False if there is none. */
  fireNext(untilMs: number): boolean {
    const next = this.#timers[0];
    if (next === undefined || next.dueMs > untilMs) return false;
    this.#nowMs = Math.max(this.#nowMs, next.dueMs);
    const due = this.#timers.filter((timer) => timer.dueMs <= this.#nowMs);
    for (const timer of due) {
      if (!this.#timers.includes(timer)) continue;
      this.#timers = this.#timers.filter((other) => other !== timer);
      if (timer.periodMs !== undefined) this.#insert(timer, this.#nowMs + timer.periodMs);
      timer.fn();
    }
    return true;
  }

  /** Runs what was to run soon. What that asks for comes with the next call. False if there was nothing. */
  runSoon(): boolean {
    const callbacks = this.#soon;
    this.#soon = [];
    for (const { fn } of callbacks) fn();
    return callbacks.length > 0;
  }

  /** One turn of the event loop: promises settle, then what was to run soon runs. False if there was nothing. */
  async turn(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.#soonByItself ? this.#soon.length > 0 : this.runSoon();
  }

  /** Turns until nothing is to run soon. */
  async settle(): Promise<void> {
    while (await this.turn());
  }

  /** The process ended: nothing that was set will fire. */
  forgetAll(): void {
    this.#timers = [];
    this.#soon = [];
  }

  #set(delayMs: number, periodMs: number | undefined, fn: () => void): Timer {
    const timer: PendingTimer = { dueMs: 0, order: this.#timersMade++, periodMs, fn };
    this.#insert(timer, this.#nowMs + delayMs);
    return { cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  #insert(timer: PendingTimer, dueMs: number): void {
    timer.dueMs = dueMs;
    this.#timers.push(timer);
    this.#timers.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
  }
}
