import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A Rollcall server in a process of its own. Owned by whoever started it. */
export interface ServerProcess extends AsyncDisposable {
  /** `host:port`, as the server said. */
  readonly address: string;
  readonly dataDir: string;
  readonly pid: number;
  /** Everything on its stderr so far. */
  stderr(): string;
  /** Sends a signal, such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal (SIGTERM unless told), and waits for the process to end. */
  stop(signal?: NodeJS.Signals): Promise<ProcessEnd>;
  /** Settles when the process has ended, whatever ended it. */
  readonly ended: Promise<ProcessEnd>;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerProcessOptions {
  /** Kept for the caller when given; else a fresh one, removed with the server. */
  readonly dataDir?: string;
  /** `127.0.0.1:0` unless told; give an earlier `address` to restart in its place. */
  readonly listen?: string;
  /** More arguments of `rollcall serve`. */
  readonly args?: readonly string[];
  /** Arguments of Node itself, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
  /** Milliseconds it may take to listen; 15,000 unless told. */
  readonly readyTimeoutMs?: number;
}

/** The built command line; the e2e project's globalSetup builds it. */
export const ROLLCALL_MAIN = join(process.cwd(), 'dist/cli/main.js');

const running = new Set<ChildProcess>();
// A test run that is broken off leaves no servers behind.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts `rollcall serve` and waits until it says that it listens. */
export async function startServer(options: ServerProcessOptions = {}): Promise<ServerProcess> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'rollcall-test-')));
  const listen = options.listen ?? '127.0.0.1:0';
  const child = spawn(
    process.execPath,
    [
      ...(options.nodeArgs ?? []),
      ROLLCALL_MAIN,
      'serve',
      '--listen',
      listen,
      '--data-dir',
      dataDir,
      ...(options.args ?? []),
    ],
    { env: cleanEnv(), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  running.add(child);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<ProcessEnd> {
    child.kill(signal);
    // A stopped process takes no signal but SIGKILL before it is continued.
    child.kill('SIGCONT');
    return ended;
  }

  async function dispose(): Promise<void> {
    await stop('SIGKILL');
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  }

  try {
    await once(child, 'spawn');
    const address = await addressOf(child, ended, {
      timeoutMs: options.readyTimeoutMs ?? 15_000,
      stderr: () => stderr,
    });
    return {
      address,
      dataDir,
      pid: child.pid as number,
      stderr: () => stderr,
      signal: (signal) => void child.kill(signal),
      stop,
      ended,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The environment without anything that configures Rollcall. */
export function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ROLLCALL_')));
}

async function addressOf(
  child: ChildProcess,
  ended: Promise<ProcessEnd>,
  options: { timeoutMs: number; stderr: () => string },
): Promise<string> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), options.timeoutMs);
  try {
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const address = new Promise<string>((resolve) => {
      lines.on('line', (line) => {
        const match = /^rollcall listening on (\S+)/.exec(line);
        if (match?.[1] !== undefined) resolve(match[1]);
      });
    });
    const failed = ended.then(({ code, signal }) => {
      throw new Error(`the server ended (${signal ?? code}) before it listened:\n${options.stderr()}`);
    });
    const late = once(timeout.signal, 'abort').then(() => {
      throw new Error(`the server did not listen within ${options.timeoutMs} ms:\n${options.stderr()}`);
    });
    return await Promise.race([address, failed, late]);
  } finally {
    clearTimeout(timer);
  }
}
