import { AssertionError } from 'node:assert';
import { systemClock } from '../lib/clock.js';
import { sleep } from '../lib/sleep.js';

const WAIT_MS_MAX = 10_000;
const LOOK_EVERY_MS = 2;

/**
 * Waits until `condition` holds, for engines that answer before their followers
 * have heard.
 *
 * @throws AssertionError naming `what`, after ten seconds
 */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = systemClock.monotonicMs() + WAIT_MS_MAX;
  const { signal } = new AbortController();
  while (!(await condition())) {
    if (systemClock.monotonicMs() > untilMs) {
      throw new AssertionError({ message: `did not happen: ${what}`, stackStartFn: eventually });
    }
    await sleep(systemClock, LOOK_EVERY_MS, signal);
  }
}
