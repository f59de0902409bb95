import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startServer, type ServerProcess } from '../test/support/server-process.js';
import { newestRevision, readTap, toldBy } from './tap-lines.js';
import type { Recording, Told } from './recording.js';

/** How often watchers get a checkpoint. */
export const CHECKPOINT_INTERVAL_MS = 1_000;

export interface TappedServerOptions {
  readonly recording: Recording;
  /** Its data directory. */
  readonly dataDir: string;
  /** Where its taps go. */
  readonly tapDir: string;
}

/**
 * `rollcall serve` as a process, at one address over all its lives, with a tap that tells of its store. Owned by whoever
 * made it.
 */
export class TappedServer implements AsyncDisposable {
  readonly #options: TappedServerOptions;
  readonly #taps: string[] = [];
  readonly #logs: string[] = [];
  #process: ServerProcess | undefined;
  #address: string | undefined;
  /** Rejects when a process ends that nobody ended. */
  readonly mishap: Promise<never>;
  #onMishap: (error: Error) => void = () => undefined;

  constructor(options: TappedServerOptions) {
    this.#options = options;
    this.mishap = new Promise((_resolve, reject) => (this.#onMishap = reject));
    this.mishap.catch(() => undefined);
  }

  get address(): string {
    if (this.#address === undefined) throw new Error('the server was never started');
    return this.#address;
  }

  get pid(): number {
    return this.#now.pid;
  }

  /** Everything that all processes so far have logged. */
  log(): string {
    return [...this.#logs, this.#process?.stderr() ?? ''].join('');
  }

  async start(historyCountMax: number): Promise<void> {
    const { dataDir, tapDir } = this.#options;
    const last = this.#taps.at(-1);
    const tap = join(tapDir, `tap-${this.#taps.length}.jsonl`);
    const url = new URL('tap.js', import.meta.url);
    url.searchParams.set('file', tap);
    url.searchParams.set('store', pathToFileURL(join(process.cwd(), 'dist/store/embedded/embedded-store.js')).href);
    if (last !== undefined) url.searchParams.set('after', String(this.#newest()));
    const settings = {
      'checkpoint-interval': `${CHECKPOINT_INTERVAL_MS}ms`,
      'history-count-max': String(historyCountMax),
      'keepalive-time': '2s',
      'keepalive-timeout': '3s',
      'reconnect-delay-max': '200ms',
    };
    this.#taps.push(tap);
    this.#process = await startServer({
      dataDir,
      listen: this.#address ?? '127.0.0.1:0',
      nodeArgs: ['--import', url.href],
      args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
      readyTimeoutMs: 30_000,
    });
    this.#address = this.#process.address;
    this.#watch(this.#process);
  }

  /** Ends it by a signal, and resolves to its exit code once it has ended. */
  async stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const ending = this.#now;
    this.#process = undefined;
    if (signal === 'SIGKILL') this.#options.recording.record({ type: 'down' });
    const { code } = await ending.stop(signal);
    this.#options.recording.record({ type: 'down' });
    this.#logs.push(ending.stderr());
    return code;
  }

  /** SIGSTOP or SIGCONT. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#now.signal(signal);
  }

  /** What the taps of all processes have told. */
  told(): Told[] {
    return this.#taps.flatMap((tap) => readTap(tap).map(toldBy));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = this.#process;
    this.#process = undefined;
    await left?.[Symbol.asyncDispose]();
  }

  get #now(): ServerProcess {
    if (this.#process === undefined) throw new Error('the server does not run');
    return this.#process;
  }

  #newest(): number {
    return Math.max(...this.#taps.map(newestRevision));
  }

  #watch(server: ServerProcess): void {
    void server.ended.then(({ code, signal }) => {
      if (this.#process !== server) return;
      this.#onMishap(new Error(`the server ended by itself (${signal ?? code}):\n${server.stderr().slice(-4_000)}`));
    });
  }
}
