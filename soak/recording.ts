import { machineMs } from '../demo/machine-clock.js';
import type { Epoch } from '../src/core/token.js';
import type { History, HistoryEvent, SettledEvent, WhatHappened } from '../test/support/validators/history.js';

/** Something that happened, by the clock that all processes of this machine share. */
export interface Told {
  readonly ms: number;
  readonly event: WhatHappened | Down | Listed | Settled;
}

/** The server is gone, until the next `restart`. */
interface Down {
  readonly type: 'down';
}

/** As in a history, but by the machine's clock when it was asked for. */
type Listed = Omit<Extract<WhatHappened, { type: 'list' }>, 'askedAt'> & { readonly askedMs: number };

/** As in a history, but with the machine's clock in `sinceMs`. */
type Settled = Omit<SettledEvent, 'type'> & { readonly type: 'settled'; readonly machine: true };

/** What clients did and saw, as it happens. */
export class Recording {
  readonly told: Told[] = [];
  /** Of the server's store, once a client was told of it. */
  epoch: Epoch | undefined;

  record(event: Told['event']): void {
    this.told.push({ ms: machineMs(), event });
  }
}

/**
 * Puts what several processes told of in the order in which it happened, on a clock that stands still while the server
 * did not run.
 */
export function historyOf(told: readonly Told[]): History {
  const sorted = [...told].sort((a, b) => a.ms - b.ms);
  const running = new RunningTime(sorted);
  const events: HistoryEvent[] = [];
  const msOf: number[] = [];
  for (const { ms, event } of sorted) {
    if (event.type === 'down') continue;
    const atMs = running.at(ms);
    msOf.push(ms);
    if (event.type === 'list' && 'askedMs' in event) {
      const { askedMs, ...list } = event;
      events.push({ ...list, askedAt: firstFrom(msOf, askedMs), atMs });
    } else if (event.type === 'settled' && 'machine' in event) {
      const { machine: _, ...settled } = event;
      const reading = settled.reading.map(({ stream, sinceMs }) => ({ stream, sinceMs: running.at(sinceMs) }));
      events.push({ ...settled, reading, atMs });
    } else {
      events.push({ ...event, atMs });
    }
  }
  return { events };
}

/** The first place whose time is not before `ms`. */
function firstFrom(times: readonly number[], ms: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A time in which the server did not run, and how much of it there was before. */
interface Pause {
  readonly fromMs: number;
  readonly toMs: number;
  readonly beforeMs: number;
}

/** The machine's time without that in which the server did not run. */
class RunningTime {
  readonly #startMs: number;
  /** In order, and apart from each other. */
  readonly #pauses: Pause[] = [];

  constructor(sorted: readonly Told[]) {
    this.#startMs = sorted[0]?.ms ?? 0;
    for (const [fromMs, toMs] of pausesIn(sorted).sort(([a], [b]) => a - b)) {
      const last = this.#pauses.at(-1);
      if (last !== undefined && fromMs <= last.toMs) {
        this.#pauses[this.#pauses.length - 1] = { ...last, toMs: Math.max(last.toMs, toMs) };
      } else {
        const beforeMs = last === undefined ? 0 : last.beforeMs + last.toMs - last.fromMs;
        this.#pauses.push({ fromMs, toMs, beforeMs });
      }
    }
  }

  at(ms: number): number {
    const pause = this.#pauses.findLast(({ fromMs }) => fromMs <= ms);
    const pausedMs = pause === undefined ? 0 : pause.beforeMs + Math.min(ms, pause.toMs) - pause.fromMs;
    return ms - this.#startMs - pausedMs;
  }
}

function pausesIn(sorted: readonly Told[]): [number, number][] {
  const pauses: [number, number][] = [];
  let downMs: number | undefined;
  for (const { ms, event } of sorted) {
    if (event.type === 'stall') pauses.push([ms, ms + event.ms]);
    if (event.type === 'down') downMs ??= ms;
    if (event.type !== 'restart' || downMs === undefined) continue;
    pauses.push([downMs, ms]);
    downMs = undefined;
  }
  return pauses;
}
