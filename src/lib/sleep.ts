import type { Clock } from './clock.js';
import { onAbort } from './on-abort.js';

/**
 * Waits for `delayMs`.
 *
 * @throws the signal's reason, as soon as `signal` is aborted
 */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = clock.after(delayMs, () => {
      unfollow();
      resolve();
    });
    const unfollow = onAbort(signal, () => {
      timer.cancel();
      reject(signal.reason as Error);
    });
  });
}
