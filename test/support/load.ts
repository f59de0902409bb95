import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceError } from '@grpc/grpc-js';
import type { Caller } from './greeter.js';
import { until } from './until.js';

export interface LoadOptions {
  /** How many calls are under way at a time; 8 unless told. */
  readonly workers?: number;
  /** How long each worker rests after a call, in milliseconds; 2 unless told. */
  readonly pauseMs?: number;
}

/** Calls that are made without end, and what became of them. Stopped by whoever started it. */
export class Load implements AsyncDisposable {
  readonly failures: ServiceError[] = [];
  readonly #caller: Caller;
  readonly #answered = new Map<string, number>();
  readonly #workers: Promise<void>[];
  #since = new Map<string, number>();
  #calls = 0;
  #stopped = false;

  constructor(caller: Caller, { workers = 8, pauseMs = 2 }: LoadOptions = {}) {
    this.#caller = caller;
    this.#workers = Array.from({ length: workers }, () => this.#work(pauseMs));
  }

  /** Answered or failed. */
  get calls(): number {
    return this.#calls;
  }

  /** Who answered since {@link mark}, or since the beginning. */
  get names(): string[] {
    return [...this.#shares().keys()].sort();
  }

  /** The part of the calls since {@link mark} that a backend answered. */
  shareOf(name: string): number {
    const shares = this.#shares();
    return (shares.get(name) ?? 0) / [...shares.values()].reduce((sum, count) => sum + count, 0);
  }

  /** From here on {@link names} and {@link shareOf} count. Resolves when the calls that are under way are done. */
  async mark(): Promise<void> {
    await this.more(this.#workers.length);
    this.#since = new Map(this.#answered);
  }

  /** Resolves when so many more calls are done. */
  async more(calls: number): Promise<void> {
    const target = this.#calls + calls;
    await until(`${calls} more calls are done`, () => this.#calls >= target, 60_000);
  }

  /** Resolves when it is exactly these that answer. */
  async reaches(...names: string[]): Promise<void> {
    const wanted = names.toSorted((one, other) => (one < other ? -1 : 1)).join(' ');
    await until(`${wanted} answer`, async () => {
      await this.mark();
      await this.more(20 * names.length);
      return this.names.join(' ') === wanted;
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #work(pauseMs: number): Promise<void> {
    while (!this.#stopped) {
      try {
        const name = await this.#caller.call();
        this.#answered.set(name, (this.#answered.get(name) ?? 0) + 1);
      } catch (error) {
        this.failures.push(error as ServiceError);
      }
      this.#calls++;
      await sleep(pauseMs);
    }
  }

  #shares(): Map<string, number> {
    const shares = new Map<string, number>();
    for (const [name, count] of this.#answered) {
      const since = count - (this.#since.get(name) ?? 0);
      if (since > 0) shares.set(name, since);
    }
    return shares;
  }
}
