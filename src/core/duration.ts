import type { Duration } from '../gen/google/protobuf/duration.js';

/** Milliseconds, rounded to whole ones, as a protobuf duration. */
export function toDuration(ms: number): Duration {
  const wholeMs = Math.round(ms);
  return { seconds: BigInt(Math.trunc(wholeMs / 1_000)), nanos: (wholeMs % 1_000) * 1_000_000 };
}

/**
 * A protobuf duration in whole milliseconds; finer parts are dropped. NaN, which is within no bounds, for one that is
 * not well-formed: with a second or more in its nanoseconds, or parts that differ in sign.
 */
export function toMs({ seconds, nanos }: Duration): number {
  const wellFormed = Math.abs(nanos) < 1_000_000_000 && (seconds === 0n || nanos === 0 || seconds > 0n === nanos > 0);
  if (!wellFormed) return NaN;
  return Number(seconds) * 1_000 + Math.trunc(nanos / 1_000_000);
}
