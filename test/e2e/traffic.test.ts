import { RollcallClient } from '../../src/client/index.js';
import { registerRollcallResolver } from '../../src/resolver/index.js';
import { Caller } from '../support/greeter.js';
import { startGreeterProcess, type GreeterProcess, type GreeterProcessOptions } from '../support/greeter-process.js';
import { Load } from '../support/load.js';
import { startServer, type ServerProcess } from '../support/server-process.js';

// Real processes, on a machine that may be busy with others.
jest.setTimeout(180_000);

let server: ServerProcess;
let client: RollcallClient;
let resolver: Disposable;
const backends: GreeterProcess[] = [];
beforeAll(async () => {
  server = await startServer();
  client = new RollcallClient({ servers: [server.address] });
  resolver = registerRollcallResolver(client);
});
afterAll(async () => {
  await Promise.all(backends.map((backend) => backend[Symbol.asyncDispose]()));
  resolver[Symbol.dispose]();
  await client.close();
  await server[Symbol.asyncDispose]();
});

async function start(
  service: string,
  name: string,
  options: Partial<GreeterProcessOptions> = {},
): Promise<GreeterProcess> {
  const backend = await startGreeterProcess({ service, name, servers: [server.address], ...options });
  backends.push(backend);
  return backend;
}

it('no call fails, with retries or without, while backends are added, drained, replaced and re-weighted', async () => {
  const startAll = (...names: string[]) => Promise.all(names.map((name) => start('greeter', name)));
  const [a, b] = await startAll('a', 'b');
  using caller = new Caller('rollcall:///greeter');
  using plain = new Caller('rollcall:///greeter', { 'grpc.enable_retries': 0 });
  await using load = new Load(caller);
  await using plainLoad = new Load(plain);
  const reached = (...names: string[]) => Promise.all([load.reaches(...names), plainLoad.reaches(...names)]);
  await reached('a', 'b');

  const [c, d] = await startAll('c', 'd');
  await reached('a', 'b', 'c', 'd');

  await a!.drain();
  await reached('b', 'c', 'd');

  await b!.update({ weight: 50 });
  await c!.update({ weight: 300 });
  await d!.update({ weight: 150 });
  await reached('b', 'c', 'd');
  await load.mark();
  await load.more(3_000);
  expect(load.shareOf('b')).toBeCloseTo(0.1, 1);
  expect(load.shareOf('c')).toBeCloseTo(0.6, 1);
  expect(load.shareOf('d')).toBeCloseTo(0.3, 1);
  await b!.update({ weight: 0 });
  await reached('c', 'd');

  let old = [b!, c!, d!];
  for (const generation of ['e', 'f', 'g']) {
    const names = [1, 2, 3].map((number) => `${generation}${number}`);
    const fresh = await startAll(...names);
    await Promise.all(old.map((backend) => backend.drain()));
    await reached(...names);
    old = fresh;
  }

  while (load.calls + plainLoad.calls < 20_000) await load.more(1_000);
  await Promise.all([load.stop(), plainLoad.stop()]);
  expect(load.calls + plainLoad.calls).toBeGreaterThanOrEqual(20_000);
  expect([...load.failures, ...plainLoad.failures]).toEqual([]);
});

it('no call fails when a backend is killed, and without retries none but those that it was working on', async () => {
  const options = { ttlMs: 2_000, delayMs: 20 };
  const startOne = (name: string) => start('fragile', name, options);
  let [victim, other] = await Promise.all([startOne('a0'), startOne('b0')]);
  using caller = new Caller('rollcall:///fragile');
  using plain = new Caller('rollcall:///fragile', { 'grpc.enable_retries': 0 });
  await using load = new Load(caller);
  await using plainLoad = new Load(plain, { workers: 8 });
  const reached = (...names: string[]) => Promise.all([load.reaches(...names), plainLoad.reaches(...names)]);
  await reached('a0', 'b0');
  for (let kills = 1; kills <= 3; kills++) {
    const before = plainLoad.failures.length;
    await victim.kill();
    await reached(other.name);
    // Each worker has one call under way.
    expect(plainLoad.failures.length - before).toBeLessThanOrEqual(8);
    const next = await startOne(`c${kills}`);
    await reached(other.name, next.name);
    [victim, other] = [other, next];
  }
  await Promise.all([load.stop(), plainLoad.stop()]);
  expect(load.failures).toEqual([]);
  // Otherwise nothing was tried.
  expect(plainLoad.failures.length).toBeGreaterThan(0);
});
