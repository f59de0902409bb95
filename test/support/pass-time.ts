import type { FakeClock } from './fake-clock.js';
import { until } from './until.js';

/**
 * Lets a fake clock's time pass, in small steps between which sockets have
 * their turn, until `read` returns something truthy; resolves to it.
 */
export function passTime<T>(
  clock: FakeClock,
  what: string,
  read: () => T | Promise<T>,
  stepMs = 200,
): Promise<Exclude<T, false | undefined | null>> {
  return until(what, async () => {
    const value = await read();
    if (value !== false && value !== undefined && value !== null) return value;
    await clock.advance(stepMs);
    return undefined as T;
  });
}
