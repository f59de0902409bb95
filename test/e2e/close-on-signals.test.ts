import { Client, credentials, status } from '@grpc/grpc-js';
import { RollcallClient } from '../../src/client/index.js';
import { startModule, type CommandProcess } from '../support/command-process.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { until } from '../support/until.js';

// Real processes, on a machine that may be busy with others.
jest.setTimeout(60_000);

let server: ServerProcess;
let reader: RollcallClient;
beforeAll(async () => {
  server = await startServer({ args: ['--store', 'memory'] });
  reader = new RollcallClient({ servers: [server.address] });
});
afterAll(async () => {
  await reader.close();
  await server[Symbol.asyncDispose]();
});

async function endpointsOf(service: string): Promise<number> {
  let count = 0;
  for await (const _ of reader.listEndpoints(service)) count++;
  return count;
}

/** A process with an endpoint of `service` that stays for as long as it is let, and `code` run before it says so. */
async function startBackend(service: string, code: string): Promise<CommandProcess> {
  const backend = startModule(
    `
      import { RollcallClient } from ${JSON.stringify(`${process.cwd()}/dist/client/index.js`)};
      const log = (_fields, message) => console.log(message);
      const logger = { debug() {}, info() {}, warn: log, error: log };
      const client = new RollcallClient({ logger });
      const endpoint = { service: '${service}', addresses: ['10.0.0.7:80'] };
      const registered = async () => {
        const services = [];
        for await (const { service } of client.listServices()) services.push(service);
        return services.includes('${service}');
      };
      const registration = await client.register(endpoint);
      ${code}
      console.log('ready');
    `,
    { server: server.address },
  );
  await until('the backend is registered', () => backend.stdout().includes('ready\n'));
  return backend;
}

const linesOf = (backend: CommandProcess) => backend.stdout().trim().split('\n');

describe('a process that closes on signals', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('at %s deregisters, waits, drains, and ends by it', async (signal) => {
    await using backend = await startBackend(
      signal,
      `
        let signalledMs;
        process.once('${signal}', () => { signalledMs = performance.now(); });
        client.closeOnSignals({
          propagationMs: 700,
          drain: async () => {
            console.log('drain ' + (await registered()) + ' ' + client.closed + ' ' + (performance.now() - signalledMs >= 699));
            await new Promise((resolve) => setTimeout(resolve, 100));
            console.log('drained');
          },
        });
      `,
    );
    backend.signal(signal);
    expect(await backend.ended).toEqual({ code: null, signal });
    expect(linesOf(backend)).toEqual(['ready', 'drain false false true', 'drained']);
    expect(backend.stderr()).toBe('');
    expect(await endpointsOf(signal)).toBe(0);
  });

  it('needs no drain, and waits for nobody where nothing is registered', async () => {
    await using backend = await startBackend(
      'bare',
      `await registration.close(); client.closeOnSignals({ propagationMs: 3_600_000 }); setInterval(() => {}, 1000);`,
    );
    backend.signal('SIGTERM');
    expect(await backend.ended).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it.each([
    ['fails', `() => { throw new Error('as the test says'); }`, 'draining failed: as the test says'],
    ['takes too long', `(signal) => new Promise(() => signal.onabort = () => console.log('late'))`, 'late'],
  ])('ends though draining %s', async (how, drain, last) => {
    const service = how.replaceAll(' ', '-');
    const options = `{ propagationMs: 0, timeoutMs: 200, drain: ${drain} }`;
    await using backend = await startBackend(service, `client.closeOnSignals(${options});`);
    backend.signal('SIGTERM');
    expect(await backend.ended).toEqual({ code: null, signal: 'SIGTERM' });
    expect(linesOf(backend).at(-1)).toBe(last);
    expect(await endpointsOf(service)).toBe(0);
  });

  it.each([
    ['finishes the calls of its server', 30_000, 'answered'],
    ['breaks off those that take too long', 200, 'CANCELLED'],
  ])('%s', async (how, timeoutMs, outcome) => {
    const service = how.split(' ')[0] as string;
    await using backend = await startBackend(
      service,
      `
        import { Server, ServerCredentials } from '@grpc/grpc-js';
        const server = new Server();
        const same = (bytes) => bytes;
        const method = { path: '/t/m', requestSerialize: same, requestDeserialize: same, responseSerialize: same,
          responseDeserialize: same, requestStream: false, responseStream: false };
        const asked = (call, callback) => {
          console.log('asked');
          if (${timeoutMs > 1_000}) process.once('SIGTERM', () => setTimeout(() => callback(null, call.request), 100));
        };
        server.addService({ m: method }, { m: asked });
        server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, port) => console.log('port ' + port));
        client.closeOnSignals({ propagationMs: 0, timeoutMs: ${timeoutMs}, server });
      `,
    );
    const port = await until('it listens', () => /port (\d+)/.exec(backend.stdout())?.[1]);
    const caller = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    const same = (bytes: Buffer): Buffer => bytes;
    const answer = new Promise<string>((resolve) => {
      caller.makeUnaryRequest('/t/m', same, same, Buffer.from('x'), (error) =>
        resolve(error === null ? 'answered' : status[error.code]),
      );
    });
    await until('it is asked', () => backend.stdout().includes('asked'));
    backend.signal('SIGTERM');
    expect(await answer).toBe(outcome);
    caller.close();
    expect(await backend.ended).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('leaves nothing listed that was being registered, and registers nothing more', async () => {
    await using backend = await startBackend(
      'hasty',
      `
        client.closeOnSignals({ propagationMs: 0, drain: async () => {
          void client.register(endpoint);
          await new Promise((resolve) => setTimeout(resolve, 300));
          console.log('listed ' + (await registered()));
        } });
        setTimeout(() => { void client.register(endpoint); process.kill(process.pid, 'SIGTERM'); }, 100);
      `,
    );
    expect(await backend.ended).toEqual({ code: null, signal: 'SIGTERM' });
    expect(linesOf(backend)).toEqual(['ready', 'listed false']);
    expect(backend.stderr()).toBe('');
  });

  it('ends at once at a second signal', async () => {
    await using backend = await startBackend(
      'impatient',
      `client.closeOnSignals({ propagationMs: 0, drain: () => { console.log('draining'); return new Promise(() => {}); } });`,
    );
    backend.signal('SIGTERM');
    await until('it drains', () => backend.stdout().includes('draining'));
    backend.signal('SIGINT');
    expect(await backend.ended).toEqual({ code: null, signal: 'SIGINT' });
    expect(linesOf(backend).at(-1)).toBe('SIGINT again: ending at once');
  });

  it('leaves ending to others that listen for the signal, save for a second one', async () => {
    const code = (drain: string) => `
      client.closeOnSignals({ propagationMs: 0, drain: ${drain} });
      process.on('SIGTERM', () => console.log('other'));
    `;
    await using polite = await startBackend('polite', code('() => {}'));
    polite.signal('SIGTERM');
    expect(await polite.ended).toEqual({ code: 0, signal: null });
    expect(linesOf(polite)).toEqual(['ready', 'other']);

    await using stuck = await startBackend(
      'stuck',
      code(`() => { console.log('draining'); return new Promise(() => {}); }`),
    );
    stuck.signal('SIGTERM');
    await until('it drains', () => stuck.stdout().includes('draining'));
    stuck.signal('SIGTERM');
    expect(await stuck.ended).toEqual({ code: 143, signal: null });
  });

  it('is as it was once that is undone', async () => {
    await using backend = await startBackend(
      'undone',
      `const closing = client.closeOnSignals({ drain: () => console.log('drain') }); closing[Symbol.dispose]();`,
    );
    backend.signal('SIGTERM');
    expect(await backend.ended).toEqual({ code: null, signal: 'SIGTERM' });
    expect(linesOf(backend)).toEqual(['ready']);
    // It had no time to deregister.
    expect(await endpointsOf('undone')).toBe(1);
  });
});
