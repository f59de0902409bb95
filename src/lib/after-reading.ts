import type { Clock, Timer } from './clock.js';

/**
 * Calls `fn` once after `delayMs`, and after input that had arrived by then
 * was handled: for deadlines of answers. After the event loop was blocked an
 * answer that came in time may be there, and not be read yet.
 */
export function afterReading(clock: Clock, delayMs: number, fn: () => void): Timer {
  let timer = clock.after(delayMs, () => (timer = clock.soon(fn)));
  return { cancel: () => timer.cancel() };
}
