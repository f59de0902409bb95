import { setTimeout as sleep } from 'node:timers/promises';
import type { Subject } from '../subject/subject.js';
import { memoryKiB } from './process-usage.js';

const SAMPLE_MS = 200;

/**
 * Resident memory in KiB: the least of some samples over `seconds` in which the
 * subject is left alone. It holds garbage that was not collected yet, and
 * pages that were freed but not given back, of Node and of Go alike: nothing is
 * done to either that an operator would not do.
 */
export async function settledRssKiB(subject: Subject, seconds: number): Promise<number> {
  let rss = Infinity;
  for (let sample = 0; sample * SAMPLE_MS < seconds * 1_000; sample++) {
    await sleep(SAMPLE_MS);
    rss = Math.min(rss, memoryKiB(subject.pids).rss);
  }
  return rss;
}
