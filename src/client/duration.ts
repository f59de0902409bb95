import type { Duration } from '../gen/google/protobuf/duration.js';

/** Whole milliseconds as a protobuf duration. */
export function toDuration(ms: number): Duration {
  return { seconds: BigInt(Math.trunc(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 };
}

/** A protobuf duration in milliseconds; finer parts are dropped. `fallbackMs` where it is unset. */
export function toMs(duration: Duration | undefined, fallbackMs: number): number {
  if (duration === undefined) return fallbackMs;
  return Number(duration.seconds) * 1_000 + Math.trunc(duration.nanos / 1_000_000);
}
