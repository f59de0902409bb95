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

/** Waits until the machine is quiet for a second, but no longer than `timeoutMs`. Resolves to whether it is. */
export async function waitForQuiet(timeoutMs: number, log: (message: string) => void): Promise<boolean> {
  const endsMs = performance.now() + timeoutMs;
  let told = false;
  while (performance.now() < endsMs) {
    const others = watchOthers();
    await sleep(LOOK_MS);
    const cores = others();
    if (cores <= QUIET_CORES_MAX) return true;
    if (!told) log(`waiting for a quiet machine, ${timeoutMs / 1_000} s at most: others use ${cores} cores`);
    told = true;
  }
  return false;
}
