import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { ServerCredentials } from '@grpc/grpc-js';
import { RollcallClient } from '../../src/client/index.js';
import { runFile, runModule } from '../support/command-process.js';
import { startGreeter } from '../support/greeter.js';
import { startScripted } from '../support/scripted-server.js';
import { makeSelfSigned } from '../support/self-signed.js';
import { startServer } from '../support/server-process.js';

// Real processes, on a machine that may be busy with others.
jest.setTimeout(60_000);

const dist = (file: string) => JSON.stringify(join(process.cwd(), 'dist', file));
const IMPORTS = `
  import { Client, credentials } from '@grpc/grpc-js';
  import { RollcallClient } from ${dist('client/index.js')};
  import { registerRollcallResolver } from ${dist('resolver/index.js')};
  const call = (stub, timeoutMs = 10_000) => new Promise((resolve, reject) => {
    const done = (error, answer) => (error ? reject(error) : resolve(answer));
    const options = { deadline: Date.now() + timeoutMs };
    stub.makeUnaryRequest('/test.Greeter/Greet', Buffer.from, String, 'hello', options, done);
  });
  const stubFor = (target) => new Client(target, credentials.createInsecure());
`;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rollcall-test-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

it('a process whose control plane is down starts from its last known good file, and calls', async () => {
  await using greeter = await startGreeter('a');
  await using server = await startServer({ args: ['--store', 'memory'] });
  const cacheDir = join(directory, 'cache');
  await using registrar = new RollcallClient({ servers: [server.address], callTimeoutMs: 1_000 });
  await registrar.register({ service: 'greeter', addresses: [greeter.address] });
  const program = `
    ${IMPORTS}
    const client = new RollcallClient({ cacheDir: ${JSON.stringify(cacheDir)} });
    registerRollcallResolver(client);
    const stub = stubFor('rollcall:///greeter');
    for (let calls = 0; calls < 100; calls++) console.log(await call(stub));
    stub.close();
    await client.close();
  `;
  const served = { code: 0, signal: null, stdout: 'a\n'.repeat(100), stderr: '' };
  expect(await runModule(program, { server: server.address })).toEqual(served);
  await server.stop('SIGKILL');
  expect(await runModule(program, { server: server.address })).toEqual(served);
});

it('a process ends by itself once its channels and its client are closed, in any order', async () => {
  await using greeter = await startGreeter('a');
  await using server = await startServer({ args: ['--store', 'memory'] });
  const ended = await runModule(
    `
      ${IMPORTS}
      const client = new RollcallClient();
      const unreachable = new RollcallClient({ servers: ['127.0.0.1:1'] });
      registerRollcallResolver(client);
      registerRollcallResolver(unreachable, { authority: 'nowhere' });
      await client.register({ service: 'greeter', addresses: ['${greeter.address}'] });
      const [first, second] = [stubFor('rollcall:///greeter'), stubFor('rollcall:///greeter')];
      const lost = stubFor('rollcall://nowhere/greeter');
      console.log(await call(first), await call(second), await call(lost).catch(({ code }) => code));
      // Asked, and not answered yet.
      const unasked = stubFor('rollcall:///other');
      unasked.getChannel().getConnectivityState(true);
      first.close();
      unasked.close();
      await client.close();
      await unreachable.close();
      second.close();
      lost.close();
    `,
    { server: server.address },
  );
  expect(ended).toEqual({ code: 0, signal: null, stdout: 'a a 14\n', stderr: '' });
});

it('a process that closes no channel ends by itself once its client is closed', async () => {
  await using greeter = await startGreeter('a');
  await using server = await startServer({ args: ['--store', 'memory'] });
  const ended = await runModule(
    `
      ${IMPORTS}
      const client = new RollcallClient();
      registerRollcallResolver(client);
      await client.register({ service: 'greeter', addresses: ['${greeter.address}'] });
      console.log(await call(stubFor('rollcall:///greeter')));
      await client.close();
    `,
    { server: server.address },
  );
  expect(ended).toEqual({ code: 0, signal: null, stdout: 'a\n', stderr: '' });
});

describe('where something else listens in place of a control plane', () => {
  const listening = async (server: NetServer) => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      [Symbol.asyncDispose]: async () => void server.close(),
    };
  };
  const tls = () => {
    const { key, certificate } = makeSelfSigned();
    return ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: certificate }]);
  };

  it.each<[string, () => Promise<AsyncDisposable & { readonly address: string }>, RegExp]>([
    [
      'an HTTP server',
      () => listening(createHttpServer((_, response) => response.end('hello'))),
      / 127\.0\.0\.1:\d+: \w/,
    ],
    [
      'a server that says nothing',
      () => listening(createTcpServer(() => undefined)),
      /no server has answered|no connection/,
    ],
    ['a server that hangs up', () => listening(createTcpServer((socket) => socket.destroy())), / 127\.0\.0\.1:\d+: \w/],
    ['a gRPC server of something else', () => startGreeter('a'), /UNIMPLEMENTED|does not implement|unknown/i],
    ['a gRPC server with TLS', () => startScripted({}, '127.0.0.1:0', tls()), / 127\.0\.0\.1:\d+: \w/],
  ])('%s: calls fail and say why, nothing hangs or is left', async (_, start, why) => {
    await using other = await start();
    const ended = await runModule(
      `
        ${IMPORTS}
        const client = new RollcallClient();
        registerRollcallResolver(client);
        const stub = stubFor('rollcall:///greeter');
        for (let calls = 0; calls < 3; calls++) {
          await call(stub).then(console.log, ({ code, details }) => console.log(code + ' ' + details));
        }
        await client.close();
        stub.close();
      `,
      { server: other.address },
    );
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    const lines = ended.stdout.trim().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).toMatch(/^14 rollcall: nothing is known of greeter: /);
      expect(line).toMatch(why);
    }
  });
});

describe('the grpc-js of a program', () => {
  const modules = join(process.cwd(), 'node_modules');

  /** A folder with a program, and a copy of grpc-js beside it that has another version if told. */
  async function makeProgram(source: string, version?: string): Promise<{ folder: string; main: string }> {
    const folder = await mkdtemp(join(directory, 'program-'));
    const nodeModules = join(folder, 'node_modules');
    const copy = join(nodeModules, '@grpc/grpc-js');
    await mkdir(join(nodeModules, '@grpc'), { recursive: true });
    await cp(join(modules, '@grpc/grpc-js'), copy, { recursive: true });
    for (const needed of ['@grpc/proto-loader', '@js-sdsl'])
      await symlink(join(modules, needed), join(nodeModules, needed));
    if (version !== undefined) {
      const packageJson = join(copy, 'package.json');
      const text = await readFile(packageJson, 'utf8');
      await writeFile(packageJson, JSON.stringify({ ...(JSON.parse(text) as object), version }));
    }
    const main = join(folder, 'main.mjs');
    await writeFile(main, source);
    return { folder, main };
  }

  /** Registers the resolver of a build, and prints what is thrown. */
  const registering = (build: string, options = {}) => `
    import { RollcallClient } from ${JSON.stringify(`${build}/client/index.js`)};
    import { registerRollcallResolver } from ${JSON.stringify(`${build}/resolver/index.js`)};
    try {
      registerRollcallResolver(new RollcallClient(), ${JSON.stringify(options)});
      console.log('registered');
    } catch ({ reason, message }) {
      console.log(reason + ' ' + message);
    }
  `;
  const ours = join(process.cwd(), 'dist');

  it('is refused when it is another copy than ours, though it was not loaded yet', async () => {
    const { main, folder } = await makeProgram(registering(ours));
    const { code, stdout } = await runFile(main);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^UNSUPPORTED_GRPC_JS there are 2 copies of @grpc\/grpc-js/);
    expect(stdout).toContain(join(folder, 'node_modules/@grpc/grpc-js'));
    expect(stdout).toContain(join(modules, '@grpc/grpc-js'));
  });

  it('is refused when another copy was loaded from wherever', async () => {
    const { folder } = await makeProgram('');
    const copy = JSON.stringify(join(folder, 'node_modules/@grpc/grpc-js/build/src/index.js'));
    const { code, stdout } = await runModule(`import ${copy};\n${registering(ours)}`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^UNSUPPORTED_GRPC_JS there are 2 copies of @grpc\/grpc-js/);
  });

  it('is taken as it is when told so', async () => {
    const { main } = await makeProgram(registering(ours, { ignoreOtherGrpcJs: true }));
    expect(await runFile(main)).toMatchObject({ code: 0, stdout: 'registered\n' });
  });

  it('is refused when it is of a version that the resolver was not written for', async () => {
    const { folder, main } = await makeProgram(registering('./node_modules/rollcall/dist'), '1.15.0');
    // The package is installed beside it, with the rest of what it needs.
    const rollcall = join(folder, 'node_modules/rollcall');
    await mkdir(rollcall);
    await cp(ours, join(rollcall, 'dist'), { recursive: true });
    await cp('package.json', join(rollcall, 'package.json'));
    for (const needed of ['nice-grpc', '@bufbuild', 'xxhash-wasm', 'nice-grpc-error-details']) {
      await symlink(join(modules, needed), join(folder, 'node_modules', needed));
    }
    const { code, stdout, stderr } = await runFile(main);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toBe(
      'UNSUPPORTED_GRPC_JS @grpc/grpc-js 1.15.0 is loaded; the resolver and the balancer need ~1.14.5\n',
    );
  });
});
