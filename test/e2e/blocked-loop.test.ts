import { RollcallClient, type RemovalReason } from '../../src/client/index.js';
import { runModule, type CommandResult } from '../support/command-process.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { until } from '../support/until.js';

// Real processes, on a machine that may be busy with others.
jest.setTimeout(60_000);

let server: ServerProcess;
let watcher: RollcallClient;
beforeAll(async () => {
  server = await startServer({ args: ['--store', 'memory'] });
  watcher = new RollcallClient({ servers: [server.address] });
});
afterAll(async () => {
  await watcher.close();
  await server[Symbol.asyncDispose]();
});

/** Blocks the event loop without a pause. */
const WAIT = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockedMs);';
const SPIN = 'for (const endMs = performance.now() + blockedMs; performance.now() < endMs; );';

/**
 * Registers an endpoint of `service` in a process of its own, with a TTL of 1 s, blocks the event loop there, and closes
 * the client. What the client warns of is on stdout, a JSON line each. A process that does not end by itself then fails
 * its test by taking too long.
 */
function runBlocked(service: string, options: { blockedMs: number; block?: string; client?: string }) {
  return runModule(
    `
      import { RollcallClient } from ${JSON.stringify(`${process.cwd()}/dist/client/index.js`)};
      const log = (fields, message) => console.log(JSON.stringify({ ...fields, message }));
      const logger = { debug() {}, info() {}, warn: log, error: log };
      const client = new RollcallClient({ logger, ${options.client ?? ''} });
      const registration = await client.register({ service: '${service}', addresses: ['10.0.0.7:80'] }, { ttlMs: 1000 });
      const { leaseId } = registration.state;
      const blockedMs = ${options.blockedMs};
      ${options.block ?? WAIT}
      // The keeper takes over.
      await new Promise((resolve) => setTimeout(resolve, 700));
      console.log(JSON.stringify({ kept: registration.state.leaseId === leaseId }));
      await client.close();
    `,
    { server: server.address },
  );
}

/** Why endpoints of a service left it, in order, until `run` is over and its last endpoint is gone. */
async function removalsDuring(
  service: string,
  run: () => Promise<CommandResult>,
): Promise<{ removals: RemovalReason[]; lines: Record<string, unknown>[] }> {
  const removals: RemovalReason[] = [];
  const stop = new AbortController();
  const present = new Set<string>();
  const watching = (async () => {
    for await (const event of watcher.watch(service, { signal: stop.signal }).changes()) {
      if (event.type !== 'delta') continue;
      for (const { id } of event.upserted) present.add(id);
      for (const { endpointId, reason } of event.removed) {
        present.delete(endpointId);
        removals.push(reason);
      }
    }
  })();
  const ended = await run();
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  await until('the watcher has seen it go', () => removals.length > 0 && present.size === 0);
  stop.abort();
  await watching;
  const lines = ended.stdout.trim().split('\n');
  return { removals, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('a registration whose process has a blocked event loop', () => {
  it.each([
    ['waits', WAIT],
    ['spins', SPIN],
  ])('stays, though it %s for three TTLs, and the block is reported once', async (how, block) => {
    const run = () => runBlocked(how, { blockedMs: 3_000, block });
    const { removals, lines } = await removalsDuring(how, run);
    expect(removals).toEqual(['DEREGISTERED']);
    expect(lines).toEqual([
      { lagMs: expect.any(Number), renewals: expect.any(Number), failures: 0, message: expect.any(String) },
      { kept: true },
    ]);
    expect(lines[0]?.['lagMs']).toBeGreaterThan(2_500);
    expect(lines[0]?.['renewals']).toBeGreaterThanOrEqual(3);
  });

  it('is lost where renewing from a thread is switched off', async () => {
    const run = () => runBlocked('off', { blockedMs: 3_000, client: 'renewWhileBlocked: false' });
    const { removals, lines } = await removalsDuring('off', run);
    expect(removals).toEqual(['EXPIRED', 'DEREGISTERED']);
    expect(lines.at(-1)).toEqual({ kept: false });
  });

  it('is lost once the loop has been blocked for longer than it may be', async () => {
    const run = () => runBlocked('dead', { blockedMs: 5_000, client: 'loopBlockedMaxMs: 1_500' });
    const { removals, lines } = await removalsDuring('dead', run);
    expect(removals).toEqual(['EXPIRED', 'DEREGISTERED']);
    // So long was it kept, and no longer.
    expect(lines[0]?.['renewals']).toBeGreaterThanOrEqual(3);
    expect(lines[0]?.['renewals']).toBeLessThanOrEqual(6);
  });

  it('stays where the first of the servers is down', async () => {
    const client = `servers: ['127.0.0.1:1', '${server.address}']`;
    const { removals, lines } = await removalsDuring('down', () => runBlocked('down', { blockedMs: 3_000, client }));
    expect(removals).toEqual(['DEREGISTERED']);
    expect(lines.at(-1)).toEqual({ kept: true });
  });
});

describe('the thread that renews', () => {
  it('keeps no process alive that has nothing registered any more, though its client was not closed', async () => {
    const ended = await runModule(
      `
        import { RollcallClient } from ${JSON.stringify(`${process.cwd()}/dist/client/index.js`)};
        const client = new RollcallClient();
        const endpoint = { service: 'passing', addresses: ['10.0.0.7:80'] };
        for (let i = 0; i < 3; i++) {
          const registration = await client.register(endpoint, { ttlMs: 1000 });
          await new Promise((resolve) => setTimeout(resolve, 300));
          await registration.close();
        }
      `,
      { server: server.address },
    );
    expect(ended).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  });
});
