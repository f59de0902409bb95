import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { RollcallClient } from '../../src/client/index.js';
import { runCommand, runShell } from '../support/command-process.js';
import { startServer, type ServerProcess } from '../support/server-process.js';

// Real processes, on a machine that may be busy with others.
jest.setTimeout(60_000);

/** Nothing listens there, and nothing can. */
const NOWHERE = '127.0.0.1:1';

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

const rollcall = (...args: string[]) => runCommand(args, { server: server.address });

describe('help', () => {
  it.each(['serve', 'register', 'deregister', 'ls', 'watch', 'health'])(
    'of %s ends with an example',
    async (command) => {
      const { code, stdout, stderr } = await rollcall(command, '--help');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`^Usage: rollcall ${command} `));
      expect(stdout).toMatch(new RegExp(`Exit codes:\n[^]*\nExample:\n  \\$ rollcall ${command} `));
    },
  );

  it('is shown where no command is given, as wrong usage', async () => {
    const { code, stdout, stderr } = await rollcall();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: rollcall/);
  });

  it('has a version beside it', async () => {
    expect(await rollcall('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});

describe('wrong usage ends with 2 and one line:', () => {
  it.each([
    [['wach', 'payments'], "unknown command 'wach' (Did you mean watch?)"],
    [['ls', '--nope'], "unknown option '--nope'"],
    [['ls', '--timeout', 'soon'], 'It must be a duration such as 500ms, 10s or 1.5m.'],
    [['ls', '--selector', 'a'], '--selector: needs a SERVICE'],
    [['ls', '--server', 'a:b'], 'servers[0]: must be host:port'],
    [['watch'], "missing required argument 'service'"],
    [['register', 'payments'], "required option '--address <HOST:PORT>' not specified"],
    [['register', 'payments', '--address', '10.0.0.7'], 'endpoint.addresses[0]: must be host:port'],
    [['register', 'payments', '--address', 'a:1', '--label', 'x'], 'It must be KEY=VALUE.'],
    [['register', 'payments', '--address', 'a:1', '--weight', '70000'], 'It must be a number of 0–65535.'],
    [['register', 'payments', '--address', 'a:1', '--ttl', '10ms'], 'It must be 1s–24h.'],
    [['register', 'pay ments', '--address', 'a:1'], 'endpoint.service: must be at most'],
    [['deregister', 'payments', 'x'], "required option '--lease <LEASE>' not specified"],
    [['deregister', 'payments', 'x', '--lease', 'y'], 'It must be the number that register printed.'],
    [['watch', 'payments', '--resume', 'x'], 'resume_token: not a token'],
    [['serve', '--nope'], "unknown option '--nope'"],
    [['serve', '--port', '7400'], 'Both are in --listen HOST:PORT.'],
  ])('rollcall %j', async (args, message) => {
    const { code, stdout, stderr } = await rollcall(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^rollcall: .*\n$/);
    expect(stderr).toContain(message);
  });

  it('a selector, with the fault marked', async () => {
    const { code, stderr } = await rollcall('ls', 'payments', '--selector', 'version in v1');
    expect(code).toBe(2);
    expect(stderr).toBe('rollcall: --selector, column 12: expected (, not v1\n  version in v1\n             ^\n');
  });

  it('as one JSON object with --json, before or after the command', async () => {
    for (const args of [
      ['--json', 'ls', 'pay ments'],
      ['ls', 'pay ments', '--json'],
    ]) {
      const { code, stderr } = await rollcall(...args);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^[^\n]+\n$/);
      expect(JSON.parse(stderr)).toMatchObject({ reason: 'INVALID_FIELD', violations: [{ field: 'service' }] });
    }
    const { stderr } = await rollcall('ls', '--nope', '--json');
    expect(JSON.parse(stderr)).toMatchObject({ reason: 'INVALID_FIELD', violations: [{ field: 'arguments' }] });
  });
});

describe('a server that cannot be reached ends a command with 69 within --timeout:', () => {
  it.each([['ls'], ['watch', 'payments'], ['health'], ['register', 'payments', '--address', 'a:1']])(
    'rollcall %s',
    async (...args) => {
      const startMs = performance.now();
      const { code, stdout, stderr } = await rollcall(...args, '--server', NOWHERE, '--timeout', '300ms');
      expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
      expect(stderr).toContain(`connect ECONNREFUSED ${NOWHERE}`);
      expect(performance.now() - startMs).toBeLessThan(5_000);
    },
  );

  it('also one that accepts connections and says nothing', async () => {
    const mute = createServer((socket) => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const address = `127.0.0.1:${(mute.address() as AddressInfo).port}`;
    const startMs = performance.now();
    const { code, stderr } = await rollcall('ls', '--server', address, '--timeout', '300ms');
    expect({ code, stderr }).toEqual({ code: 69, stderr: 'rollcall: no answer within 300 ms\n' });
    expect(performance.now() - startMs).toBeLessThan(4_000);
    mute.close();
  });

  it('as one JSON object with --json', async () => {
    const { code, stderr } = await rollcall('ls', '--json', '--server', NOWHERE, '--timeout', '300ms');
    expect(code).toBe(69);
    expect(JSON.parse(stderr)).toMatchObject({ reason: 'SERVER_UNREACHABLE', retryable: true, violations: [] });
  });

  it('but not where another server answers', async () => {
    const { code } = await rollcall('ls', '--server', `${NOWHERE},${server.address}`);
    expect(code).toBe(0);
  });
});

it('no proxy of the environment comes between', async () => {
  const env = { http_proxy: `http://${NOWHERE}`, https_proxy: `http://${NOWHERE}`, grpc_proxy: `http://${NOWHERE}` };
  expect(await runCommand(['ls', '--timeout', '2s'], { server: server.address, env })).toMatchObject({ code: 0 });
});

describe('ls', () => {
  it('says that there is nothing, which is no failure', async () => {
    expect(await rollcall('ls', '--namespace', 'empty')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'rollcall: no services\n',
    });
    expect(await rollcall('ls', 'nobody', '--json')).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  it('lists services, and the endpoints of one that match', async () => {
    const namespace = 'listed';
    const addresses = ['10.0.0.7:80'];
    await client.register({ namespace, service: 'payments', id: 'e1', addresses, labels: { version: 'v1' } });
    await client.register({ namespace, service: 'payments', id: 'e2', addresses, locality: { zone: 'b' }, weight: 5 });
    const options = ['--namespace', namespace];
    expect((await rollcall('ls', ...options)).stdout).toBe(
      'SERVICE   HEALTHY  UNHEALTHY  DRAINING  SUSPECT\npayments  2        0          0         0\n',
    );
    expect((await rollcall('ls', 'payments', ...options)).stdout).toBe(
      [
        'ID  ADDRESSES    HEALTH   WEIGHT  ZONE  LABELS',
        'e1  10.0.0.7:80  HEALTHY  100           version=v1',
        'e2  10.0.0.7:80  HEALTHY  5       b',
        '',
      ].join('\n'),
    );
    const { stdout } = await rollcall('ls', 'payments', ...options, '--json', '--selector', 'version,zone notin (b)');
    expect(stdout).toBe('');
    const matching = await rollcall('ls', 'payments', ...options, '--json', '--selector', 'version');
    expect(JSON.parse(matching.stdout)).toMatchObject({ id: 'e1', labels: { version: 'v1' }, health: 'HEALTHY' });
    const service = await rollcall('--json', '--namespace', namespace, 'ls');
    expect(JSON.parse(service.stdout)).toMatchObject({ namespace, service: 'payments', healthy: 2 });
  });

  describe('of more than a page', () => {
    const namespace = 'many';
    const count = 1_100;
    beforeAll(async () => {
      await Promise.all(
        Array.from({ length: count }, (_, index) =>
          client.register({ namespace, service: 'payments', id: `e${index}`, addresses: ['10.0.0.7:80'] }),
        ),
      );
    });

    it('lists all of it', async () => {
      const { code, stdout } = await rollcall('ls', 'payments', '--namespace', namespace, '--json');
      const ids = stdout
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id);
      expect({ code, count: ids.length, distinct: new Set(ids).size }).toEqual({ code: 0, count, distinct: count });
    });

    it('ends quietly when its reader goes away', async () => {
      const line = `$ROLLCALL ls payments --namespace ${namespace} --json | head -1; echo "\${PIPESTATUS[0]}"`;
      const { stdout, stderr } = await runShell(line, { server: server.address });
      expect(stdout.split('\n').slice(1)).toEqual(['0', '']);
      expect(stderr).toBe('');
    });
  });
});

describe('deregister', () => {
  it('removes an endpoint that the lease holds, and what is gone is no failure', async () => {
    const registration = await client.register({ service: 'gone', id: 'e1', addresses: ['10.0.0.7:80'] });
    if (registration.state.kind !== 'registered') throw new Error('it is not registered');
    const lease = ['--lease', String(registration.state.leaseId)];
    expect(await rollcall('deregister', 'gone', 'e1', '--lease', '1')).toEqual({
      code: 1,
      signal: null,
      stdout: '',
      stderr: 'rollcall: the endpoint is held by another lease\n',
    });
    expect(await rollcall('deregister', 'gone', 'e1', ...lease)).toMatchObject({
      code: 0,
      stdout: 'deregistered e1 of gone\n',
    });
    const again = await rollcall('deregister', 'gone', 'e1', ...lease, '--json');
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ type: 'deregistered', service: 'gone', endpoint_id: 'e1' });
    await registration.close();
  });
});

describe('health', () => {
  it('ends with 0 for a server that serves', async () => {
    expect(await rollcall('health')).toMatchObject({ code: 0, stdout: `${server.address} SERVING\n`, stderr: '' });
    const { code, stdout } = await rollcall('health', '--service', 'rollcall.v1.DiscoveryService', '--json');
    expect({ code, answer: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      answer: { address: server.address, service: 'rollcall.v1.DiscoveryService', status: 'SERVING' },
    });
  });

  it('gives up after 3 s, unless it is told otherwise', async () => {
    const mute = createServer((socket) => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const address = `127.0.0.1:${(mute.address() as AddressInfo).port}`;
    expect(await rollcall('health', '--server', address)).toMatchObject({
      code: 69,
      stderr: 'rollcall: no answer within 3000 ms\n',
    });
    mute.close();
  });

  it('ends with 1 for a service that the server does not have', async () => {
    expect(await rollcall('health', '--service', 'nobody')).toMatchObject({ code: 1, stdout: '' });
  });
});
