import { afterReading } from '../../lib/after-reading.js';
import type { Clock, Timer } from '../../lib/clock.js';

/** Six times as long as an idle watch is silent by default. */
const SILENCE_MS = 60_000;

/** A server may be set to confirm idle watches once an hour. */
const SILENCE_MS_MAX = 2 * 60 * 60 * 1_000;

/** Called when a stream has been silent for too long. */
export type OnSilent = (silentMs: number) => void;

/**
 * Notices that a stream says nothing any more, though its connection answers
 * pings: those may be answered by a proxy.
 *
 * The first message of a stream is due at once, whatever the server's settings.
 * After it, servers confirm idle watches, but how often is for them to say. So
 * each silence of a stream that has spoken doubles the time that the next may
 * take, until confirmations turn out to come sooner.
 */
export class SilenceWatchdog {
  readonly #clock: Clock;
  #allowedMs = SILENCE_MS;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A stream was begun. `onSilent` is called when its first message is overdue, unless {@link heard} or {@link end} comes before. */
  begun(onSilent: OnSilent): void {
    this.#watch(SILENCE_MS, onSilent);
  }

  /** The stream said something. `onSilent` is called when that was too long ago, unless this or {@link end} comes before. */
  heard(onSilent: OnSilent): void {
    const silentMs = this.#allowedMs;
    this.#watch(silentMs, () => {
      this.#allowedMs = Math.min(SILENCE_MS_MAX, silentMs * 2);
      onSilent(silentMs);
    });
  }

  /** An idle stream was confirmed `gapMs` after it had said something. */
  confirmedAfter(gapMs: number): void {
    if (gapMs < SILENCE_MS) this.#allowedMs = SILENCE_MS;
  }

  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #watch(silentMs: number, onSilent: OnSilent): void {
    this.#timer?.cancel();
    this.#timer = afterReading(this.#clock, silentMs, () => onSilent(silentMs));
  }
}
