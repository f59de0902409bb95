/**
 * A process with a client that watches, for `client-memory`: told services, it
 * answers when all their views are known; asked to tell, with its memory. Ends
 * with its parent.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { RollcallClient } from '../src/client/index.js';
import { memoryKiB } from './measure/process-usage.js';

/** In KiB. */
export interface ClientMemory {
  /** The heap and what it refers to, after a full collection. */
  readonly live: number;
  /** Resident, after that. */
  readonly rss: number;
}

export interface WatchOrder {
  readonly watch: readonly string[];
}

export interface Watched {
  /** In all views together. */
  readonly endpoints: number;
}

const client = new RollcallClient();

process.once('disconnect', () => process.exit(0));
process.on('message', (order: WatchOrder | 'tell') => {
  void (order === 'tell' ? tell() : watch(order)).then((answer) => process.send?.(answer));
});

async function watch({ watch: services }: WatchOrder): Promise<Watched> {
  const views = services.map((service) => client.watch(service));
  await Promise.all(views.map(({ ready }) => ready));
  const sizes = views.map((view) => {
    const reading = view.current();
    return reading.status === 'live' ? reading.endpoints.length : NaN;
  });
  return { endpoints: sizes.reduce((sum, size) => sum + size, 0) };
}

async function tell(): Promise<ClientMemory> {
  // What the first collection finds dead may hold the last reference to something outside the heap.
  for (let times = 0; times < 3; times++) {
    globalThis.gc?.();
    await sleep(100);
  }
  const { heapUsed, external } = process.memoryUsage();
  return { live: (heapUsed + external) / 1_024, rss: memoryKiB([process.pid]).rss };
}
