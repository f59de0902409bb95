import { runModule } from '../support/command-process.js';
import { startServer, type ServerProcess } from '../support/server-process.js';

// Real processes, on a machine that may be busy with others.
jest.setTimeout(60_000);

let server: ServerProcess;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const IMPORT = `import { RollcallClient } from ${JSON.stringify(`${process.cwd()}/dist/client/index.js`)};`;

/** Runs a program that uses the client. One that does not end by itself fails its test by taking too long. */
const run = (source: string) => runModule(`${IMPORT}\n${source}`, { server: server.address });

describe('a process', () => {
  it('ends by itself once its client is closed, whatever was under way', async () => {
    const ended = await run(`
      const client = new RollcallClient();
      await client.register({ service: 'a', addresses: ['10.0.0.7:80'] });
      await client.register({ service: 'a', addresses: ['10.0.0.7:80'] }, { ttlMs: 1000 });
      void (async () => { for await (const event of client.follow('a')) console.log(event.type); console.log('ended'); })();
      void (async () => { for await (const event of client.follow('b')); })();
      const unreachable = new RollcallClient({ servers: ['127.0.0.1:1'] });
      void (async () => { for await (const event of unreachable.watch('a').changes()); })();
      const failing = unreachable.register({ service: 'a', addresses: ['10.0.0.7:80'] }).catch(({ reason }) => reason);
      // Long enough that the short lease is renewed over its stream.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await Promise.all([client.close(), unreachable.close()]);
      console.log(await failing);
      const services = [];
      const again = new RollcallClient();
      for await (const { service } of again.listServices()) services.push(service);
      console.log('left ' + services.length);
      await again.close();
    `);
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(ended.stdout.trim().split('\n').sort()).toEqual(['CLIENT_CLOSED', 'ended', 'left 0', 'snapshot']);
  });

  it('ends by itself with a client that was not closed but has nothing to do', async () => {
    const ended = await run(`
      const client = new RollcallClient();
      for await (const { service } of client.listServices()) console.log(service);
      console.log('listed');
    `);
    expect(ended).toEqual({ code: 0, signal: null, stdout: 'listed\n', stderr: '' });
  });

  it('goes on while it watches, though no server is there', async () => {
    const ended = await run(`
      const client = new RollcallClient({ servers: ['127.0.0.1:1'] });
      const timer = setTimeout(() => { console.log('still here'); void client.close(); }, 1000);
      timer.unref();
      for await (const event of client.follow('a')) console.log(event.type);
    `);
    expect(ended).toEqual({ code: 0, signal: null, stdout: 'still here\n', stderr: '' });
  });
});
