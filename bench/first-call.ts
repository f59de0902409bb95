import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { RollcallClient, type Registration } from '../src/client/index.js';
import { startServer } from '../test/support/server-process.js';
import { within } from '../test/support/until.js';
import type { Figures } from './measure/figures.js';
import { Latency } from './measure/latency.js';
import type { Program } from './measure/program.js';

const parameters = {
  /** How many endpoints there are all the time; the new one takes its turn among them. */
  endpoints: 3,
  warmUps: 30,
  registrations: 300,
};

/**
 * How long after a registration is acknowledged the first call of another process reaches the new endpoint.
 *
 * In it: the delta's way to the caller, the connection that the caller makes (TCP and HTTP/2, no TLS), and the calls to
 * the others that are in turn before, one at a time. Not in it: the registration itself, which is told apart.
 */
export default {
  name: 'first-call',
  parameters,
  quick: { warmUps: 5, registrations: 50 },
  async measure(run, { endpoints, warmUps, registrations }): Promise<Figures> {
    await using server = await startServer({ dataDir: mkdtempSync(join(run.dataDir, 'server-')) });
    await using client = new RollcallClient({ servers: [server.address] });
    const others = await Promise.all(Array.from({ length: endpoints }, () => startBackend(client)));
    for (const other of others) await other.register();
    await using caller = await startCaller(server.address);

    const [fromAsking, fromAnswer] = [new Latency(), new Latency()];
    let beforeAnswer = 0;
    for (let done = 0; done < warmUps + registrations; done++) {
      const backend = await startBackend(client);
      const askedMs = performance.now();
      const registration = await backend.register();
      const answeredMs = performance.now();
      const calledMs = await within('the new endpoint is called', Promise.race([backend.called, caller.ended]));
      if (done >= warmUps) {
        fromAsking.add(calledMs - askedMs);
        fromAnswer.add(Math.max(0, calledMs - answeredMs));
        if (calledMs < answeredMs) beforeAnswer++;
      }
      await registration.close();
      await backend.stop();
    }
    for (const other of others) await other.stop();
    return {
      fromAcknowledged: fromAnswer.figures,
      fromAsked: fromAsking.figures,
      calledBeforeAcknowledged: beforeAnswer,
    };
  },
} satisfies Program<typeof parameters>;

interface Backend {
  register(): Promise<Registration>;
  /** When the first call came, as `performance.now()` tells it. */
  readonly called: Promise<number>;
  /** Once the calls under way are done. */
  stop(): Promise<void>;
}

const bytes = (value: Buffer) => value;

/** In this process, so that one clock tells all times. */
async function startBackend(client: RollcallClient): Promise<Backend> {
  const server = new Server();
  const called = new Promise<number>((resolve) => {
    const handle = (_call: unknown, callback: (error: null, value: Buffer) => void) => {
      resolve(performance.now());
      callback(null, Buffer.alloc(0));
    };
    server.register('/bench.FirstCall/Call', handle, bytes, bytes, 'unary');
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    called,
    register: () => client.register({ service: 'bench', addresses: [`127.0.0.1:${port}`] }),
    stop: () =>
      new Promise((resolve, reject) => {
        server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
      }),
  };
}

interface RunningCaller extends AsyncDisposable {
  /** Rejects when it ends. */
  readonly ended: Promise<never>;
}

async function startCaller(address: string): Promise<RunningCaller> {
  const child: ChildProcess = fork(new URL('./first-caller.js', import.meta.url), [address]);
  const exited = once(child, 'exit');
  const ended = exited.then(([code]) => {
    throw new Error(`the caller ended with ${String(code)}`);
  });
  ended.catch(() => undefined);
  await Promise.race([once(child, 'message'), ended]);
  return {
    ended,
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await exited;
    },
  };
}
