import { setTimeout as sleep } from 'node:timers/promises';
import type { Subject } from '../subject/subject.js';
import { memoryKiB } from './process-usage.js';

const SAMPLES = 10;
const SAMPLE_MS = 200;

/** In KiB. */
export interface SettledMemory {
  /**
   * Resident: the least of a few samples over two seconds in which the subject
   * is left alone. It holds garbage that was not collected yet, and pages that
   * were freed but not given back, so that it differs between runs and grows
   * less than what is held where the subject needed more before.
   */
  readonly rss: number;
  /** In use after a full collection; see {@link Subject.liveBytes}. */
  readonly live: number;
}

export async function settledMemory(subject: Subject): Promise<SettledMemory> {
  let rss = Infinity;
  for (let sample = 0; sample < SAMPLES; sample++) {
    await sleep(SAMPLE_MS);
    rss = Math.min(rss, memoryKiB(subject.pids).rss);
  }
  return { rss, live: (await subject.liveBytes()) / 1_024 };
}
