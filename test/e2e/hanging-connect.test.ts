import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { runModule } from '../support/command-process.js';
import { until } from '../support/until.js';

// Real processes, on a machine that may be busy with others.
jest.setTimeout(60_000);

/** Accepts connections and never says a word. */
async function startMute(): Promise<{ address: string } & AsyncDisposable> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.on('error', () => undefined).resume()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `localhost:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Does not even accept connections: a stopped process, with as many waiting already as the system lets wait. */
async function startDeaf(): Promise<{ address: string } & AsyncDisposable> {
  const source = `
    const server = require('node:net').createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));
  `;
  const child = spawn(process.execPath, ['--eval', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [printed] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(printed.toString());
  child.kill('SIGSTOP');
  const waiting = Array.from({ length: 6 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  await until('the queue is full', () => waiting.filter(({ connecting }) => !connecting).length >= 2);
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of waiting) socket.destroy();
      const ended = once(child, 'close');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** How long a process lives on that closes its client while that is connecting, in milliseconds. */
async function msToExit(address: string, credentials: string): Promise<number> {
  const ended = await runModule(
    `
      import { RollcallClient } from ${JSON.stringify(`${process.cwd()}/dist/client/index.js`)};
      const client = new RollcallClient({ servers: ['${address}'], credentials: ${credentials} });
      const failed = client.register({ service: 'a', addresses: ['10.0.0.7:80'] }).catch(({ reason }) => reason);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const closedMs = performance.now();
      process.on('exit', () => console.log(JSON.stringify({ reason, ms: performance.now() - closedMs })));
      await client.close();
      const reason = await failed;
    `,
  );
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  const { reason, ms } = JSON.parse(ended.stdout) as { reason: string; ms: number };
  expect(reason).toBe('CLIENT_CLOSED');
  return ms;
}

// grpc-js would go on for 4.5 s with TLS, and where nobody accepts for as long as the system goes on trying: minutes.
describe('a process that closes its client while it is connecting', () => {
  it.each([
    ['says nothing', startMute, 'undefined'],
    ['says nothing in answer to TLS', startMute, '{}'],
    ['does not accept the connection', startDeaf, 'undefined'],
  ])('ends at once where the server %s', async (_, start, credentials) => {
    await using server = await start();
    expect(await msToExit(server.address, credentials)).toBeLessThan(2_000);
  });
});
