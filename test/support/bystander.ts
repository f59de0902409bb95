import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** What became of a bystander's calls in some time. A change counts as done when its own watch has shown it. */
export interface BystanderFigures {
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly failures: readonly string[];
}

/**
 * A well-behaved client in a process of its own, so that what it measures is the server and not whoever attacks it.
 * Owned by whoever started it.
 */
export interface Bystander extends AsyncDisposable {
  /** The figures since this was last asked. */
  figures(): Promise<BystanderFigures>;
  /** Resolves when it has made so many calls since then. */
  untilCalls(calls: number): Promise<void>;
}

/** Starts it, and resolves when it watches. */
export async function startBystander(address: string): Promise<Bystander> {
  const child = fork(join(process.cwd(), 'test/faults/bystander-program.mjs'), [address], { execArgv: [] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const died = ended.then(() => Promise.reject(new Error('the bystander died')));
  died.catch(() => undefined);
  await Promise.race([once(child, 'message'), died]);
  const ask = async <T>(question: unknown): Promise<T> => {
    const answer = once(child, 'message');
    child.send(question as object);
    const [message] = (await Promise.race([answer, died])) as [T];
    return message;
  };
  return {
    async figures() {
      const { latenciesMs, failures } = await ask<{ latenciesMs: number[]; failures: string[] }>({});
      const sorted = latenciesMs.toSorted((a, b) => a - b);
      const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
      return { calls: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), failures };
    },
    untilCalls: (calls) => ask({ calls }),
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
