import { createHistogram } from 'node:perf_hooks';

/** Durations, of which a few percentiles are told. */
export class Latency {
  readonly #micros = createHistogram({ figures: 3 });

  /** Adds the time since `startMs`, as `performance.now()` told it. */
  addSince(startMs: number): void {
    this.add(performance.now() - startMs);
  }

  /** Adds a duration in milliseconds; below a microsecond, it counts as one. */
  add(durationMs: number): void {
    this.#micros.record(Math.max(1, Math.round(durationMs * 1_000)));
  }

  /** In milliseconds. */
  get figures(): { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number } {
    const ms = (micros: number) => micros / 1_000;
    return {
      p50Ms: ms(this.#micros.percentile(50)),
      p99Ms: ms(this.#micros.percentile(99)),
      maxMs: ms(this.#micros.max),
    };
  }
}
