import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Acts `count` times at an even rate, without waiting for what it did before,
 * as load that does not ask whether the server keeps up. Resolves once all is done.
 */
export async function paced<T>(
  { count, aSecond }: { readonly count: number; readonly aSecond: number },
  act: (index: number) => Promise<T>,
): Promise<T[]> {
  const acts: Promise<T>[] = [];
  const startMs = performance.now();
  while (acts.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - startMs) / 1_000) * aSecond) + 1);
    while (acts.length < due) acts.push(act(acts.length));
    await sleep(1);
  }
  return Promise.all(acts);
}
