import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { RollcallClient } from '../../src/client/index.js';
import { runShell, startCommand, printed, type CommandProcess } from '../support/command-process.js';
import { cleanEnv, ROLLCALL_MAIN, startServer, type ServerProcess } from '../support/server-process.js';
import { until } from '../support/until.js';

// Real processes, on a machine that may be busy with others.
jest.setTimeout(60_000);

const addresses = ['10.0.0.7:80'];

let server: ServerProcess;
let client: RollcallClient;
beforeAll(async () => {
  server = await startServer();
  client = new RollcallClient({ servers: [server.address] });
});
afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

const watch = (...args: string[]) => startCommand(['watch', ...args], { server: server.address });

/** Waits for a line of a --json watch. */
function printedObject(command: CommandProcess, what: string, matches: (object: Record<string, unknown>) => boolean) {
  return until(`${what} was printed`, () => command.objects().find(matches));
}

describe('watch', () => {
  it('shows what is there, and what comes, changes and leaves', async () => {
    const service = 'shown';
    await client.register({ service, id: 'e1', addresses });
    await using command = watch(service);
    await printed(command, /^\d\d:\d\d:\d\d shown has 1 endpoint \(revision \d+\)\n\S+   e1  10\.0\.0\.7:80  HEALTHY/);
    const registration = await client.register({ service, id: 'e2', addresses, labels: { version: 'v1' } });
    await printed(command, /^\S+ \+ e2  10\.0\.0\.7:80  HEALTHY  weight 100  version=v1$/m);
    await registration.update({ weight: 5 });
    await printed(command, /^\S+ ~ e2 .* weight 5 /m);
    await registration.close();
    await printed(command, /^\S+ - e2  deregistered$/m);
    // No terminal, no colours.
    expect(command.stdout()).not.toContain('\u001b');
    expect(command.stderr()).toBe('');
  });

  it('--json prints one object a line, from whose token another goes on', async () => {
    const service = 'resumed';
    await using first = watch(service, '--json');
    const snapshot = await printedObject(first, 'the snapshot', ({ type }) => type === 'snapshot');
    expect(snapshot).toEqual({
      type: 'snapshot',
      revision: expect.any(Number) as number,
      reason: 'INITIAL',
      endpoints: [],
      resume_token: expect.stringMatching(/^[\w-]+$/) as string,
    });
    const registration = await client.register({ service, id: 'e1', addresses });
    const delta = await printedObject(first, 'the delta', ({ type }) => type === 'delta');
    expect(delta).toMatchObject({ upserted: [{ id: 'e1', health: 'HEALTHY' }], removed: [] });
    await registration.close();
    await using second = watch(service, '--json', '--resume', String(delta['resume_token']));
    const next = await printedObject(second, 'what came next', ({ type }) => type === 'delta');
    expect(next).toMatchObject({ upserted: [], removed: [{ endpoint_id: 'e1', reason: 'DEREGISTERED' }] });
    expect(second.objects().filter(({ type }) => type === 'snapshot')).toEqual([]);
  });

  it('--selector follows only what matches', async () => {
    const service = 'selected';
    await client.register({ service, id: 'v1', addresses, labels: { version: 'v1' }, locality: { zone: 'a' } });
    await client.register({ service, id: 'v2', addresses, labels: { version: 'v2' }, locality: { zone: 'a' } });
    await client.register({ service, id: 'b', addresses, labels: { version: 'v1' }, locality: { zone: 'b' } });
    await using command = watch(service, '--json', '--selector', 'version in (v1,v3),!canary,zone=a');
    const snapshot = await printedObject(command, 'the snapshot', ({ type }) => type === 'snapshot');
    expect(snapshot).toMatchObject({ endpoints: [{ id: 'v1' }] });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends at once with %s, and %i', async (signal, code) => {
    await using command = watch('ended');
    await printed(command, /ended has 0 endpoints/);
    command.signal(signal);
    expect(await command.ended).toEqual({ code, signal: null });
  });

  it('ends with a signal though its reader does not read', async () => {
    const service = 'stuck';
    const metadata = { long: 'x'.repeat(16_000) };
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => client.register({ service, id: `e${index}`, addresses, metadata })),
    );
    const args = [ROLLCALL_MAIN, 'watch', service, '--json', '--server', server.address];
    const child = spawn(process.execPath, args, { env: cleanEnv(), stdio: ['ignore', 'pipe', 'ignore'] });
    const exited = once(child, 'exit');
    // The snapshot is on its way, and is more than a pipe holds.
    await once(child.stdout, 'readable');
    child.kill('SIGTERM');
    expect(await exited).toEqual([143, null]);
    child.stdout.destroy();
  });

  it('ends quietly when its reader goes away', async () => {
    const service = 'unread';
    const line = `$ROLLCALL watch ${service} --json | head -1 > /dev/null; echo "\${PIPESTATUS[0]}"`;
    const shell = runShell(line, { server: server.address });
    // What nobody reads is found out only by writing more.
    const running = { now: true };
    const ended = shell.finally(() => (running.now = false));
    for (let weight = 0; running.now; weight++) {
      const registration = await client.register({ service, addresses, weight });
      await registration.close();
    }
    expect(await ended).toMatchObject({ stdout: '0\n', stderr: '' });
  });

  it('goes on, and says so, when the server is killed and comes back: without a new snapshot', async () => {
    await using first = await startServer();
    const { address, dataDir } = first;
    const owner = new RollcallClient({ servers: [address] });
    await owner.register({ service: 'payments', id: 'e1', addresses });
    await using command = startCommand(['watch', 'payments', '--json'], { server: address });
    await printedObject(command, 'the snapshot', ({ type }) => type === 'snapshot');
    await first.stop('SIGKILL');
    await until('the outage is told', () => command.stderr().includes('cannot connect'));
    await using second = await startServer({ dataDir, listen: address });
    await owner.register({ service: 'payments', id: 'e2', addresses });
    const delta = await printedObject(command, 'the delta', ({ type }) => type === 'delta');
    expect(delta).toMatchObject({ upserted: [{ id: 'e2' }] });
    expect(command.objects().filter(({ type }) => type === 'snapshot')).toHaveLength(1);
    const notes = command.stderr().trimEnd().split('\n');
    expect(notes.map((line) => JSON.parse(line) as unknown)).toContainEqual({
      level: 'info',
      message: `watching payments again, at ${second.address}`,
    });
    await owner.close();
  });

  it('is told when the server shuts down in good order, and resumes when it is back', async () => {
    await using first = await startServer();
    const { address, dataDir } = first;
    await using command = startCommand(['watch', 'payments', '--json'], { server: address });
    await printedObject(command, 'the snapshot', ({ type }) => type === 'snapshot');
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    await printedObject(command, 'that the server leaves', ({ type }) => type === 'reconnect');
    await using second = await startServer({ dataDir, listen: address });
    await using owner = new RollcallClient({ servers: [second.address] });
    await owner.register({ service: 'payments', id: 'e1', addresses });
    await printedObject(command, 'the delta', ({ type }) => type === 'delta');
    expect(command.objects().filter(({ type }) => type === 'snapshot')).toHaveLength(1);
  });
});
