import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A process of the demonstration. */
export interface RunningProcess {
  readonly child: ChildProcess;
  /** Resolves to how it ended, such as `SIGTERM` or `exit code 1`. */
  readonly ended: Promise<string>;
  /** Sends a signal, or a message that asks it to end; that it ends is no mishap from then on. */
  end(how: NodeJS.Signals | { readonly message: string }): void;
}

export interface ProcessInit {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly onMessage?: (message: unknown) => void;
}

const END_WITH_PARENT = new URL('end-with-parent.js', import.meta.url).href;

/** Of what a process printed on stderr, so much is kept to be shown should it end by mishap. */
const STDERR_LENGTH_MAX = 4_000;

/**
 * The processes of one demonstration, and a directory for their data. All of it goes when this is disposed of, or when
 * this process ends, however it does.
 */
export class Processes implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'rollcall-demo-'));
  /** Rejects when a process ends that was not told to. */
  readonly mishap: Promise<never>;
  readonly #running = new Set<RunningProcess>();
  #onMishap: (error: Error) => void = () => undefined;
  readonly #endNow = (): void => {
    for (const { child } of this.#running) child.kill('SIGKILL');
    // A process that is being killed may yet write a file.
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  };

  constructor() {
    this.mishap = new Promise((_resolve, reject) => (this.#onMishap = reject));
    // Whoever waits for something else at the time hears of it when it waits again.
    this.mishap.catch(() => undefined);
    process.once('exit', this.#endNow);
  }

  start({ name, file, args, env = {}, onMessage }: ProcessInit): RunningProcess {
    const child = fork(file, args, {
      env: { ...foreignEnv(), ...env },
      execArgv: ['--import', END_WITH_PARENT],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_LENGTH_MAX);
    });
    // What nobody reads would stop it in the end.
    child.stdout?.setEncoding('utf8').resume();
    if (onMessage !== undefined) child.on('message', onMessage);
    let expected = false;
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => this.#onMishap(error));
      child.once('close', (code, signal) => {
        this.#running.delete(running);
        const how = signal ?? `exit code ${code}`;
        if (!expected) this.#onMishap(new Error(`${name} ended by itself: ${how}\n${stderr}`));
        resolve(how);
      });
    });
    const running: RunningProcess = {
      child,
      ended,
      end(how) {
        expected = true;
        if (typeof how === 'string') child.kill(how);
        else child.send(how);
      },
    };
    this.#running.add(running);
    return running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#endNow);
    const running = [...this.#running];
    for (const one of running) one.end('SIGKILL');
    await Promise.all(running.map(({ ended }) => ended));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The environment without anything that configures Rollcall. */
function foreignEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ROLLCALL_')));
}
