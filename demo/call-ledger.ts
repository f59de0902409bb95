import type { AnsweredCall, CallsMessage, FailedCall } from './messages.js';

/** Shares and rates are those of this much of the past. */
const RECENT_MS = 1_000;

/** What came of all calls so far. */
export class CallLedger {
  readonly failed: FailedCall[] = [];
  readonly tookMs: number[] = [];
  /** How many were made more than once. */
  retried = 0;
  /** Whatever was answered or failed until then is in here. */
  untilMs = 0;
  readonly #arrivalsMs = new Map<string, number[]>();
  #recent: AnsweredCall[] = [];

  get answered(): number {
    return this.tookMs.length;
  }

  add({ answered, failed, untilMs }: CallsMessage): void {
    this.failed.push(...failed);
    for (const { backend, arrivedMs, tookMs, retries } of answered) {
      this.tookMs.push(tookMs);
      if (retries > 0) this.retried++;
      const arrivals = this.#arrivalsMs.get(backend);
      if (arrivals === undefined) this.#arrivalsMs.set(backend, [arrivedMs]);
      else arrivals.push(arrivedMs);
    }
    this.untilMs = untilMs;
    this.#recent = [...this.#recent, ...answered].filter(({ arrivedMs }) => arrivedMs > untilMs - RECENT_MS);
  }

  /** When the first call after `sinceMs` reached a backend; undefined while none has. */
  firstOn(backend: string, sinceMs: number): number | undefined {
    let first: number | undefined;
    for (const arrivedMs of this.#arrivals(backend)) {
      if (arrivedMs >= sinceMs && arrivedMs < (first ?? Infinity)) first = arrivedMs;
    }
    return first;
  }

  /** When the last call so far reached a backend; undefined when none has. */
  lastOn(backend: string): number | undefined {
    let last: number | undefined;
    for (const arrivedMs of this.#arrivals(backend)) if (arrivedMs > (last ?? -Infinity)) last = arrivedMs;
    return last;
  }

  /** How many calls of the last second each backend answered. */
  recent(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { backend } of this.#recent) counts.set(backend, (counts.get(backend) ?? 0) + 1);
    return counts;
  }

  #arrivals(backend: string): readonly number[] {
    return this.#arrivalsMs.get(backend) ?? [];
  }
}
