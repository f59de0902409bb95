import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import { DynamicClient } from '../support/dynamic-client.js';
import { startInProcess, type InProcessServer } from '../support/in-process-server.js';
import { ReflectionClient } from '../support/reflection-client.js';
import { failure } from '../support/rpc-failure.js';
import { until } from '../support/until.js';

const packages = createRequire(`${process.cwd()}/package.json`);
const OURS = ['rollcall.v1.DiscoveryService', 'rollcall.v1.RegistryService'];
const READABLE = { keepCase: true, longs: String, enums: String };

let server: InProcessServer;
let health: DynamicClient;

beforeEach(async () => {
  server = await startInProcess();
  health = new DynamicClient(server.address, loadSync(healthProtoPath, READABLE), 'grpc.health.v1.Health');
});

afterEach(async () => {
  health[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

describe('health', () => {
  test.each(['', ...OURS])('the service %j is serving', async (service) => {
    expect(await health.call('Check', { service })).toEqual({ status: 'SERVING' });
  });

  test('a service that is not here is not found', async () => {
    expect((await failure(health.call('Check', { service: 'rollcall.v1.Nothing' }))).status).toBe('NOT_FOUND');
  });

  test('all can be asked for at once', async () => {
    const statuses = Object.fromEntries(['', ...OURS].map((service) => [service, { status: 'SERVING' }]));
    expect(await health.call('List', {})).toEqual({ statuses });
  });

  test('a watch is told when the server begins to shut down, and ended', async () => {
    const seen: unknown[] = [];
    const stream = health.stream('Watch', { service: OURS[0] });
    stream.on('data', ({ status }) => seen.push(status));
    const ended = new Promise<unknown>((resolve) => stream.on('error', resolve));
    await until('the watch has begun', () => seen.length > 0);
    await server.server.close();
    await ended;
    expect(seen).toEqual(['SERVING', 'NOT_SERVING']);
  });
});

describe.each(['v1', 'v1alpha'] as const)('reflection %s', (version) => {
  test('lists what this server serves', async () => {
    using reflection = new ReflectionClient(server.address, version);
    expect(await reflection.listServices()).toEqual(expect.arrayContaining([...OURS, 'grpc.health.v1.Health']));
  });

  test('is enough to call every service', async () => {
    using reflection = new ReflectionClient(server.address, version);
    using registry = await reflection.clientOf('rollcall.v1.RegistryService');
    using discovery = await reflection.clientOf('rollcall.v1.DiscoveryService');
    const addresses = [{ host: '10.0.0.1', port: 80 }];
    const { endpoint, ttl } = await registry.call('Register', {
      endpoint: { service: 'payments', id: 'a', addresses, health: 'HEALTH_DRAINING' },
      ttl: { seconds: 20 },
    });
    expect(ttl).toMatchObject({ seconds: '20' });
    expect(await discovery.call('ListEndpoints', { service: 'payments' })).toMatchObject({ endpoints: [endpoint] });
    const services = [{ namespace: 'default', service: 'payments', draining: 1 }];
    expect(await discovery.call('ListServices', {})).toMatchObject({ services });
    using check = await reflection.clientOf('grpc.health.v1.Health');
    expect(await check.call('Check', {})).toEqual({ status: 'SERVING' });
  });

  test('says that it does not know what is not here', async () => {
    using reflection = new ReflectionClient(server.address, version);
    expect(await reflection.errorOf('rollcall.v1.Nothing')).toBe(5);
  });
});

test('channelz tells of the server and its calls', async () => {
  const grpcDir = dirname(packages.resolve('@grpc/grpc-js/package.json'));
  const definition = loadSync(join(grpcDir, 'proto/channelz.proto'), READABLE);
  using channelz = new DynamicClient(server.address, definition, 'grpc.channelz.v1.Channelz');
  await health.call('Check', { service: '' });
  const { server: servers } = await channelz.call('GetServers', {});
  const calls = (servers as { data: { calls_started: string } }[]).map(({ data }) => Number(data.calls_started));
  expect(Math.max(...calls)).toBeGreaterThanOrEqual(2);
});
