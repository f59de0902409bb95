import { setTimeout as sleep } from 'node:timers/promises';
import { machineCpuMicros, ownCpuMicros } from './process-usage.js';

/** Below this, in cores, a machine counts as quiet. */
export const QUIET_CORES_MAX = 0.15;

const LOOK_MS = 1_000;

/** Watches how busy the rest of the machine is from now on. Children that are still alive count as others. */
export function watchOthers(): () => number {
  const startMs = performance.now();
  const before = machineCpuMicros() - ownCpuMicros();
  return () => {
    const cores = (machineCpuMicros() - ownCpuMicros() - before) / 1_000 / (performance.now() - startMs);
    return Math.max(0, Math.round(cores * 1_000) / 1_000);
  };
}

/** Waits until the machine is quiet for a second, but no longer than `timeoutMs`. */
export async function waitForQuiet(timeoutMs: number): Promise<void> {
  const endsMs = performance.now() + timeoutMs;
  let cores = Infinity;
  while (cores > QUIET_CORES_MAX && performance.now() < endsMs) {
    const others = watchOthers();
    await sleep(LOOK_MS);
    cores = others();
  }
}
