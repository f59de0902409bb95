import { RollcallClient } from '../../src/client/index.js';
import type { Endpoint } from '../../src/client/index.js';
import { printed, startCommand, type CommandProcess } from '../support/command-process.js';
import { ROLLCALL_MAIN, startServer, type ServerProcess } from '../support/server-process.js';
import { until } from '../support/until.js';

// Real processes, on a machine that may be busy with others.
jest.setTimeout(60_000);

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

function register(service: string, ...args: string[]): CommandProcess {
  return startCommand(['register', service, '--address', '10.0.0.7:80', ...args], { server: server.address });
}

async function endpointsOf(service: string, of = client): Promise<Endpoint[]> {
  const endpoints: Endpoint[] = [];
  for await (const endpoint of of.listEndpoints(service)) endpoints.push(endpoint);
  return endpoints;
}

describe('register', () => {
  it('says so in one line, keeps the endpoint beyond its TTL, and deregisters on the way out', async () => {
    await using command = register('kept', '--id', 'e1', '--ttl', '1s');
    const [, lease] = await printed(command, /^registered e1 of kept \(lease (\d+), ttl 1s\)\n$/);
    expect(Number(lease)).toBeGreaterThan(0);
    const [endpoint] = await endpointsOf('kept');
    const startMs = performance.now();
    await until('three TTLs have passed', () => performance.now() - startMs > 3_000);
    expect(await endpointsOf('kept')).toEqual([endpoint]);
    command.signal('SIGTERM');
    expect(await command.ended).toEqual({ code: 143, signal: null });
    expect(await endpointsOf('kept')).toEqual([]);
    expect(command.stderr()).toBe('');
  });

  it('registers what it was told, and prints it as JSON', async () => {
    await using command = register(
      'told',
      ...['--address', '[::1]:81', '--id', 'e1', '--region', 'eu', '--zone', 'a', '--sub-zone', 'r1'],
      ...['--weight', '0', '--label', 'version=v1', '--label', 'x=', '--metadata', 'k=a=b', '--ttl', '1m', '--json'],
    );
    const object = await until('the object was printed', () => command.objects()[0]);
    const [endpoint] = await endpointsOf('told');
    expect(endpoint).toMatchObject({
      addresses: [
        { host: '10.0.0.7', port: 80 },
        { host: '::1', port: 81 },
      ],
      locality: { region: 'eu', zone: 'a', subZone: 'r1' },
      weight: 0,
      labels: { version: 'v1', x: '' },
      metadata: { k: 'a=b' },
    });
    expect(object).toMatchObject({ type: 'registered', endpoint: { id: 'e1', weight: 0 }, ttl_ms: 60_000 });
    const lease = { service: 'told', endpointId: 'e1', leaseId: BigInt(object['lease_id'] as number) };
    await client.deregister(lease);
    expect(await endpointsOf('told')).toEqual([]);
  });

  it('takes the zone from the environment, whatever else of the locality it is told', async () => {
    const args = ['register', 'zoned', '--address', '10.0.0.7:80', '--region', 'eu'];
    await using command = startCommand(args, { server: server.address, env: { ROLLCALL_ZONE: 'a' } });
    await printed(command, /^registered/);
    expect(await endpointsOf('zoned')).toMatchObject([{ locality: { region: 'eu', zone: 'a', subZone: '' } }]);
  });

  it('prints nothing with --quiet', async () => {
    await using command = register('hushed', '--quiet');
    await until('it is registered', async () => (await endpointsOf('hushed')).length === 1);
    command.signal('SIGINT');
    expect(await command.ended).toEqual({ code: 130, signal: null });
    expect(command.stdout()).toBe('');
  });

  it('outlives its server: kill -9, and the endpoint is the same once the server is back', async () => {
    await using first = await startServer();
    const { address, dataDir } = first;
    await using owner = new RollcallClient({ servers: [address] });
    await using command = startCommand(
      ['register', 'payments', '--address', '10.0.0.7:80', '--ttl', '2s', '--server', address],
      {},
    );
    await printed(command, /^registered/);
    const before = await endpointsOf('payments', owner);
    await first.stop('SIGKILL');
    await until('the outage is told', () => command.stderr().includes('cannot renew leases'));
    await using second = await startServer({ dataDir, listen: address });
    expect(second.address).toBe(address);
    await until('renewals go on', () => command.stderr().includes('leases are being renewed again'));
    const startMs = performance.now();
    await until('two TTLs have passed', () => performance.now() - startMs > 4_000);
    expect(await endpointsOf('payments', owner)).toEqual(before);
  });

  it('registers anew when the server has forgotten everything', async () => {
    const options = { args: ['--store', 'memory'] };
    await using first = await startServer(options);
    const { address } = first;
    await using command = startCommand(
      ['register', 'payments', '--address', '10.0.0.7:80', '--id', 'e1', '--ttl', '1s', '--server', address],
      {},
    );
    await printed(command, /^registered/);
    await first[Symbol.asyncDispose]();
    await using second = await startServer({ ...options, listen: address });
    await using owner = new RollcallClient({ servers: [second.address] });
    await until('it is back', async () => (await endpointsOf('payments', owner)).length === 1);
    await until('it is told', () => command.stderr().includes('e1 in payments is registered again'));
  });
});

describe('register -- COMMAND', () => {
  it('returns its exit code, and deregisters', async () => {
    await using command = register('exits', '--', 'sh', '-c', 'echo "it runs: $0 $*"; exit 3', 'a', '--json');
    expect(await command.ended).toEqual({ code: 3, signal: null });
    expect(command.stdout()).toMatch(/^registered .*\nit runs: a --json\n$/);
    expect(await endpointsOf('exits')).toEqual([]);
  });

  it('keeps the endpoint while it runs', async () => {
    await using command = register('runs', '--ttl', '1s', '--', 'sleep', '600');
    await printed(command, /^registered/);
    const startMs = performance.now();
    await until('two TTLs have passed', () => performance.now() - startMs > 2_000);
    expect(await endpointsOf('runs')).toHaveLength(1);
    command.signal('SIGTERM');
    expect(await command.ended).toEqual({ code: 143, signal: null });
    expect(await endpointsOf('runs')).toEqual([]);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'passes %s on, after the endpoint is gone, and returns what it makes of it',
    async (signal) => {
      const service = `passes-${signal}`;
      const list = `"${process.execPath}" "${ROLLCALL_MAIN}" ls ${service} --json`;
      const trap = `trap 'echo "left: $(${list} | wc -l)"; exit 7' ${signal.slice(3)}`;
      await using command = register(service, '--', 'bash', '-c', `${trap}; echo ready; while :; do sleep 0.05; done`);
      await printed(command, /^ready$/m);
      expect(await endpointsOf(service)).toHaveLength(1);
      command.signal(signal);
      expect(await command.ended).toEqual({ code: 7, signal: null });
      expect(command.stdout()).toMatch(/^left: 0$/m);
    },
  );

  it('returns 128 and the number of the signal that ended it', async () => {
    await using command = register('killed', '--', 'sh', '-c', 'kill -KILL $$');
    expect(await command.ended).toEqual({ code: 137, signal: null });
    expect(await endpointsOf('killed')).toEqual([]);
  });

  it.each([
    ['that does not exist', '/nowhere/at-all', 127],
    ['that cannot be run', process.cwd(), 126],
  ])('%s ends with the shell’s code', async (_, file, code) => {
    await using command = register('unstarted', '--', file);
    expect(await command.ended).toEqual({ code, signal: null });
    expect(command.stderr()).toContain(`rollcall: cannot run ${file}: `);
    expect(await endpointsOf('unstarted')).toEqual([]);
  });

  it('ends it though the server is gone', async () => {
    const own = await startServer();
    const args = ['register', 'payments', '--address', '10.0.0.7:80', '--timeout', '500ms', '--', 'sleep', '600'];
    await using command = startCommand(args, { server: own.address });
    await printed(command, /^registered/);
    await own[Symbol.asyncDispose]();
    command.signal('SIGTERM');
    expect(await command.ended).toEqual({ code: 143, signal: null });
    expect(command.stderr()).toContain('could not deregister');
  });
});
