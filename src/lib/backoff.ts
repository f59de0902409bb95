/** How long to wait between attempts. */
export interface BackoffPolicy {
  /** The longest delay before the second attempt. */
  readonly baseMs: number;
  /** The longest delay ever. */
  readonly maxMs: number;
}

/**
 * Exponential backoff with full jitter: a delay drawn evenly from
 * [0, min(maxMs, baseMs * 2^failures)). Drawing from the whole interval, and
 * not around its end, is what spreads a crowd that failed at one moment; see
 * "Exponential Backoff And Jitter" on the AWS Architecture Blog.
 *
 * @param failures how many attempts have failed before the one that failed now, from 0
 * @param fraction a random number in [0, 1)
 */
export function fullJitterMs(policy: BackoffPolicy, failures: number, fraction: number): number {
  return fraction * Math.min(policy.maxMs, policy.baseMs * 2 ** failures);
}
