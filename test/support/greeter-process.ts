import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { EndpointUpdate } from '../../src/client/index.js';
import { cleanEnv, type ProcessEnd } from './server-process.js';
import { within } from './until.js';

/** A backend in a process of its own, registered under its name. Owned by whoever started it. */
export interface GreeterProcess extends AsyncDisposable {
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  /** Changes its registration. Resolves once that is stored. */
  update(change: EndpointUpdate): Promise<void>;
  /** Deregisters, waits, finishes what is under way and ends. Rejects unless it ends well. */
  drain(): Promise<void>;
  /** Sends SIGKILL, and waits for the end. */
  kill(): Promise<ProcessEnd>;
}

export interface GreeterProcessOptions {
  readonly name: string;
  readonly service: string;
  /** Of the control plane. */
  readonly servers: readonly string[];
  readonly ttlMs?: number;
  readonly weight?: number;
  readonly zone?: string;
  /** How long it takes over each call, in milliseconds; 0 unless told. */
  readonly delayMs?: number;
}

const PROGRAM = join(process.cwd(), 'test/support/greeter-program.mjs');

/** Starts one and waits until it is registered. */
export async function startGreeterProcess(options: GreeterProcessOptions): Promise<GreeterProcess> {
  const child = fork(PROGRAM, [JSON.stringify(options)], {
    env: cleanEnv(),
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const { name } = options;
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });

  async function answer(what: string): Promise<unknown> {
    const early = ended.then(({ code, signal }) => {
      throw new Error(`backend ${name} ended (${signal ?? code}) before ${what}:\n${stderr}`);
    });
    const [message] = (await within(`${name} has ${what}`, Promise.race([once(child, 'message'), early]))) as [unknown];
    return message;
  }

  async function kill(): Promise<ProcessEnd> {
    child.kill('SIGKILL');
    return ended;
  }

  try {
    const { address } = (await answer('registered')) as { address: string };
    return {
      name,
      address,
      async update(change) {
        child.send({ command: 'update', argument: change });
        await answer('updated');
      },
      async drain() {
        child.send({ command: 'drain' });
        await answer('drained');
        const { code, signal } = await within(`${name} ends by itself`, ended);
        if (code !== 0) throw new Error(`backend ${name} ended with ${signal ?? code}:\n${stderr}`);
      },
      kill,
      async [Symbol.asyncDispose]() {
        await kill();
      },
    };
  } catch (error) {
    await kill();
    throw error;
  }
}
