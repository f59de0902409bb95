import type { Duration } from '../gen/google/protobuf/duration.js';

/** Whole milliseconds as a protobuf duration. */
export function toDuration(ms: number): Duration {
  return { seconds: BigInt(Math.trunc(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 };
}

/** A protobuf duration in whole milliseconds; finer parts are dropped. */
export function toMs({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1_000 + Math.trunc(nanos / 1_000_000);
}
