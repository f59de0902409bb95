import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buildPrograms } from '../support/build-programs.js';
import { startCommand, startProgram, type CommandProcess } from '../support/command-process.js';
import { startServer } from '../support/server-process.js';
import { until } from '../support/until.js';

// Real processes, on a machine that may be busy with others.
jest.setTimeout(60_000);

beforeAll(() => buildPrograms('examples'));

const fileOf = (example: string): string => join(process.cwd(), 'examples/dist', `${example}.js`);

/** A registry of its own for each test, since all greeters are of one service; `start` runs an example against it. */
async function startStage() {
  const server = await startServer({ args: ['--store', 'memory'] });
  const started: CommandProcess[] = [];
  return {
    server,
    start(example: string, ...args: string[]): CommandProcess {
      const program = startProgram(fileOf(example), args, { server: server.address });
      started.push(program);
      return program;
    },
    async [Symbol.asyncDispose]() {
      for (const program of started) await program[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const says = (program: CommandProcess, text: string): Promise<unknown> =>
  until(`it says ${JSON.stringify(text)}`, () => program.stdout().includes(`${text}\n`) || hasEnded(program));

/** An example that ended by itself will not say what is waited for. */
function hasEnded(program: CommandProcess): false {
  if (program.stderr() !== '') throw new Error(`an example failed:\n${program.stderr()}`);
  return false;
}

/** Who answered the next calls. */
async function answering(caller: CommandProcess, calls: number): Promise<string[]> {
  const before = caller.stdout().length;
  const lines = await until(`${calls} calls are answered`, () => {
    const whole = caller.stdout().slice(before).split('\n').slice(0, -1);
    return whole.length >= calls ? whole : hasEnded(caller);
  });
  return [...new Set(lines.map((line) => /\((.+)\)$/.exec(line)?.[1] ?? line))].sort();
}

describe.each(['nice-grpc', 'grpc-js', 'proto-loader'])('the greeter and the caller with %s', (kind) => {
  it('find each other; one that comes gets calls, one that is killed or drains is left, and no call fails', async () => {
    await using stage = await startStage();
    const anna = stage.start(`${kind}/greeter`, 'anna');
    await says(anna, await listensAs(anna, 'anna'));
    const caller = stage.start(`${kind}/caller`);
    await says(caller, 'Hello, world. (anna)');
    expect(await answering(caller, 5)).toEqual(['anna']);

    const ben = stage.start(`${kind}/greeter`, 'ben');
    const cleo = stage.start(`${kind}/greeter`, 'cleo');
    await says(caller, 'Hello, world. (ben)');
    await says(caller, 'Hello, world. (cleo)');

    anna.signal('SIGKILL');
    await anna.ended;
    await until('anna is left', async () => (await answering(caller, 6)).join(' ') === 'ben cleo');

    ben.signal('SIGTERM');
    expect(await ben.ended).toEqual({ code: null, signal: 'SIGTERM' });
    expect(await answering(caller, 6)).toEqual(['cleo']);

    caller.signal('SIGTERM');
    expect(await caller.ended).toEqual({ code: null, signal: 'SIGTERM' });
    expect([anna, ben, cleo, caller].map((program) => program.stderr())).toEqual(['', '', '', '']);
  });
});

/** The line with which a greeter says that it is registered. */
async function listensAs(greeter: CommandProcess, name: string): Promise<string> {
  const line = await until(`${name} greets`, () => {
    const [whole] = greeter.stdout().split('\n').slice(0, -1);
    return whole ?? hasEnded(greeter);
  });
  expect(line).toMatch(new RegExp(`^${name} greets at 127\\.0\\.0\\.1:\\d+$`));
  return line;
}

it('the greeter that knows nothing of Rollcall is called while rollcall register runs it', async () => {
  await using stage = await startStage();
  const port = await freePort();
  const words = ['register', 'greeter', '--address', `127.0.0.1:${port}`, '--id', 'dora', '--quiet'];
  const command = ['--', process.execPath, fileOf('sidecar/greeter'), 'dora', String(port)];
  await using dora = startCommand([...words, ...command], { server: stage.server.address });
  expect(await listensAs(dora, 'dora')).toContain(`:${port}`);
  const caller = stage.start('nice-grpc/caller');
  await says(caller, 'Hello, world. (dora)');

  const anna = stage.start('grpc-js/greeter', 'anna');
  await says(caller, 'Hello, world. (anna)');
  await listensAs(anna, 'anna');
  dora.signal('SIGTERM');
  expect(await dora.ended).toEqual({ code: 0, signal: null });
  expect(await answering(caller, 6)).toEqual(['anna']);
  expect(dora.stderr()).toBe('');
});

it('the watcher with RxJS tells every change, and ends when it is told to', async () => {
  await using stage = await startStage();
  const watcher = stage.start('rx/watcher', 'greeter');
  await says(watcher, 'served by nobody');
  const anna = stage.start('nice-grpc/greeter', 'anna');
  await says(watcher, 'served by anna');
  anna.signal('SIGTERM');
  // States and events are told one beside the other, in no order of their own.
  await says(watcher, '- anna DEREGISTERED');
  await until('nobody is left', () => /anna[^]*served by nobody\n/.test(watcher.stdout()) || hasEnded(watcher));
  watcher.signal('SIGTERM');
  expect(await watcher.ended).toEqual({ code: null, signal: 'SIGTERM' });
  const said = watcher.stdout().trim().split('\n');
  expect(said.filter((line) => line.startsWith('served by'))).toEqual([
    'served by nobody',
    'served by anna',
    'served by nobody',
  ]);
  expect(said).toContain('the view is live');
  expect(said.filter((line) => /^[-+\d]/.test(line))).toEqual([
    '0 endpoints (INITIAL)',
    '+ anna',
    '- anna DEREGISTERED',
  ]);
  expect(watcher.stderr()).toBe('');
});

it('the README names every program, and no other', () => {
  const readme = readFileSync('examples/README.md', 'utf8');
  const named = [...readme.matchAll(/examples\/dist\/(\S+)\.js/g)].map(([, name]) => `${name}.ts`);
  const files = readdirSync('examples', { recursive: true, encoding: 'utf8' });
  const programs = files.filter(
    (file) => /^[^/]+\/(greeter|caller|watcher)\.ts$/.test(file) && !/^(dist|gen)/.test(file),
  );
  expect(programs.length).toBeGreaterThan(0);
  expect([...new Set(named)].sort()).toEqual(programs.sort());
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
