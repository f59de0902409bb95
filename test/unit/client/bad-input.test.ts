import { isRollcallError, RollcallClient } from '../../../src/client/index.js';
import { registerRollcallResolver } from '../../../src/resolver/index.js';
import { startInProcess, type InProcessServer } from '../../support/in-process-server.js';

// What TypeScript would not let through, other programs and `any` do.
type Loose = Record<
  'register' | 'deregister' | 'watch' | 'follow' | 'listEndpoints' | 'listServices' | 'closeOnSignals',
  (...args: unknown[]) => unknown
>;

let server: InProcessServer;
let client: RollcallClient;
let loose: Loose;

beforeAll(async () => {
  server = await startInProcess();
  // A call that got as far as looking for a server would take its time.
  client = new RollcallClient({ servers: ['127.0.0.1:1'], callTimeoutMs: 20_000 });
  loose = client as unknown as Loose;
});

afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

/** What is wrong, `field: description` each, as the call itself says; of a promise, what it is rejected with. */
async function wrongWith(call: () => unknown): Promise<string[]> {
  try {
    await call();
  } catch (error) {
    if (!isRollcallError(error, 'INVALID_FIELD')) throw error;
    return error.violations.map(({ field, description }) => `${field}: ${description}`);
  }
  throw new Error('it was taken');
}

/** As {@link wrongWith}, for calls that are not to leave it to a promise. */
function wrongAtOnce(call: () => unknown): Promise<string[]> {
  return wrongWith(() => void call());
}

const payments = { service: 'payments', addresses: ['10.0.0.7:80'] };
const HEALTH = "must be one of Health, as in import { Health } from 'rollcall', such as Health.HEALTHY, not ";

describe('register refuses', () => {
  it.each<[object | string | undefined, ...string[]]>([
    [{ ...payments, weight: 1.5 }, 'endpoint.weight: must be a whole number ≥ 0, not 1.5'],
    [{ ...payments, weight: -1 }, 'endpoint.weight: must be a whole number ≥ 0, not -1'],
    [{ ...payments, weight: '5' }, 'endpoint.weight: must be a whole number ≥ 0, not "5"'],
    [{ ...payments, weight: Number.NaN }, 'endpoint.weight: must be a whole number ≥ 0, not NaN'],
    [{ ...payments, weight: 70_000 }, 'endpoint.weight: must be 0–65535, not 70000'],
    [
      { ...payments, addresses: [{ host: 'a', port: 80.5 }] },
      'endpoint.addresses[0].port: must be a whole number ≥ 0, not 80.5',
    ],
    [{ ...payments, addresses: [{ host: 'a', port: 0 }] }, 'endpoint.addresses[0].port: must be 1–65535, not 0'],
    [{ ...payments, addresses: ['a:1', { host: 'a' }] }, 'endpoint.addresses[1].port: is required'],
    [{ ...payments, addresses: [7] }, 'endpoint.addresses[0]: must be an object, not 7'],
    [{ service: 'payments' }, 'endpoint.addresses: is required'],
    [
      { ...payments, addresses: '10.0.0.7:80' },
      `endpoint.addresses: must be a list such as ['10.0.0.7:8080'], not "10.0.0.7:80"`,
    ],
    [{ addresses: ['a:1'] }, 'endpoint.service: is required'],
    [{ ...payments, labels: { version: 2 } }, 'endpoint.labels["version"]: must be a string, not 2'],
    [{ ...payments, metadata: { a: null } }, 'endpoint.metadata["a"]: must be a string, not null'],
    [{ ...payments, labels: new Map([['a', 'b']]) }, 'endpoint.labels: must be an object of strings, not an object'],
    [{ ...payments, health: 'HEALTHY' }, `endpoint.health: ${HEALTH}"HEALTHY"`],
    [{ ...payments, locality: 'a' }, 'endpoint.locality: must be an object, not "a"'],
    [{ ...payments, zone: 'a' }, "endpoint.zone: is unknown; write locality: { region: 'r', zone: 'a', subZone: 's' }"],
    [{ ...payments, ttlMs: 5_000 }, 'endpoint.ttlMs: is unknown; it belongs to the options, the second argument'],
    [
      { ...payments, wieght: 5 },
      'endpoint.wieght: is unknown; there are service, addresses, id, namespace, locality, weight, labels, metadata, health',
    ],
    ['payments', 'endpoint: must be an object, not "payments"'],
    [undefined, 'endpoint: must be an object, not undefined'],
    [
      { service: 7, addresses: [], weight: 'x' },
      'endpoint.service: must be a string, not 7',
      'endpoint.weight: must be a whole number ≥ 0, not "x"',
    ],
  ])('%p', async (endpoint, ...wrong) => {
    expect(await wrongWith(() => loose.register(endpoint))).toEqual(wrong);
  });

  it.each<[object, string]>([
    [{ ttlMs: Number.NaN }, 'ttlMs: must be a number of milliseconds of 1000–86400000, not NaN'],
    [{ ttlMs: Infinity }, 'ttlMs: must be a number of milliseconds of 1000–86400000, not Infinity'],
    [{ ttlMs: '5s' }, 'ttlMs: must be a number of milliseconds of 1000–86400000, not "5s"'],
    [{ ttlMs: 999 }, 'ttlMs: must be a number of milliseconds of 1000–86400000, not 999'],
    [{ timeoutMs: Number.NaN }, 'timeoutMs: must be a number of milliseconds ≥ 0, not NaN'],
    [{ timeoutMs: -1 }, 'timeoutMs: must be a number of milliseconds ≥ 0, not -1'],
    [{ signal: {} }, 'signal: must be an AbortSignal, not an object'],
    [{ ttl: 5_000 }, 'ttl: is unknown; there are signal, timeoutMs, ttlMs'],
    [{ weight: 5 }, 'weight: is unknown; it belongs to the endpoint, the first argument'],
  ])('the options %p', async (options, wrong) => {
    expect(await wrongWith(() => loose.register(payments, options))).toEqual([wrong]);
  });
});

it('register rounds a TTL to milliseconds, and takes an endpoint as another client has it', async () => {
  await using owner = new RollcallClient({ servers: [server.address] });
  for (const [ttlMs, granted] of [
    [5_000 / 3, 1_667],
    [10_000.1, 10_000],
  ] as const) {
    const { state } = await owner.register(payments, { ttlMs });
    expect(state).toMatchObject({ ttlMs: granted });
    if (state.kind !== 'registered') throw new Error('it was lost');
    await using again = await owner.register({ ...state.endpoint, id: 'again' });
    expect(again.state).toMatchObject({ endpoint: { id: 'again' } });
  }
});

it.each([2 ** 31, Number.MAX_SAFE_INTEGER, Infinity])('a timeout of %d ms is a long one', async (timeoutMs) => {
  await using owner = new RollcallClient({ servers: [server.address] });
  await using registration = await owner.register(payments, { timeoutMs });
  await registration.update({ weight: 1 }, { timeoutMs });
});

describe('update refuses', () => {
  it.each<[unknown, string]>([
    [{}, 'update: nothing to update: weight, labels, metadata and health can be changed'],
    [{ weight: undefined }, 'update: nothing to update: weight, labels, metadata and health can be changed'],
    [{ wieght: 5 }, 'update.wieght: is unknown; there are weight, labels, metadata, health'],
    [{ addresses: ['a:1'] }, 'update.addresses: is unknown; there are weight, labels, metadata, health'],
    [{ weight: 1.5 }, 'update.weight: must be a whole number ≥ 0, not 1.5'],
    [{ weight: 70_000 }, 'update.weight: must be 0–65535, not 70000'],
    [{ labels: { a: 1 } }, 'update.labels["a"]: must be a string, not 1'],
    [{ health: 'DRAINING' }, `update.health: ${HEALTH}"DRAINING"`],
    [5, 'update: must be an object, not 5'],
  ])('%p', async (update, wrong) => {
    await using owner = new RollcallClient({ servers: [server.address] });
    const registration = await owner.register(payments);
    expect(await wrongWith(() => registration.update(update as object))).toEqual([wrong]);
  });

  it('and close refuse options that there are not', async () => {
    await using owner = new RollcallClient({ servers: [server.address] });
    const registration = await owner.register(payments);
    const options = { timeout: 5 } as object;
    const wrong = ['timeout: is unknown; there are signal, timeoutMs'];
    expect(await wrongWith(() => registration.update({ weight: 1 }, options))).toEqual(wrong);
    expect(await wrongWith(() => registration.close(options))).toEqual(wrong);
    expect(registration.state.kind).toBe('registered');
  });
});

describe('a new client refuses', () => {
  it.each<[unknown, string]>([
    [{ server: 'a:1' }, "server: is unknown; write servers: ['host:port']"],
    [
      { cachedir: '/tmp' },
      'cachedir: is unknown; there are servers, namespace, zone, credentials, logger, cacheDir, cacheMaxAgeMs, ' +
        'callTimeoutMs, renewWhileBlocked, loopBlockedMaxMs',
    ],
    [{ callTimeoutMs: '5s' }, 'callTimeoutMs: must be a number of milliseconds ≥ 0, not "5s"'],
    [{ callTimeoutMs: -1 }, 'callTimeoutMs: must be a number of milliseconds ≥ 0, not -1'],
    [{ servers: 'a:1' }, 'servers: must be a list of host:port, not "a:1"'],
    [{ logger: true }, 'logger: must be a logger, with debug, info, warn and error, not true'],
    [{ credentials: { cert: 'x' } }, 'credentials.cert: is unknown; there are rootCerts, privateKey, certChain'],
    [{ credentials: { rootCerts: 5 } }, 'credentials.rootCerts: must be a PEM, not 5'],
    [{ credentials: 'x' }, 'credentials: must be an object, not "x"'],
    [{ renewWhileBlocked: 'no' }, 'renewWhileBlocked: must be true or false, not "no"'],
    ['127.0.0.1:7400', 'options: must be an object, not "127.0.0.1:7400"'],
  ])('%p', async (options, wrong) => {
    expect(await wrongAtOnce(() => new RollcallClient(options as object))).toEqual([wrong]);
  });

  it('names that are none', async () => {
    const wrong = await wrongAtOnce(() => new RollcallClient({ namespace: 'Prod', zone: 'a/b' }));
    expect(wrong).toEqual([
      expect.stringMatching(/^namespace: .*lower-case/),
      expect.stringMatching(/^zone: .*letters/),
    ]);
    process.env['ROLLCALL_ZONE'] = 'a/b';
    try {
      expect(await wrongAtOnce(() => new RollcallClient())).toEqual([expect.stringMatching(/^ROLLCALL_ZONE: /)]);
    } finally {
      delete process.env['ROLLCALL_ZONE'];
    }
  });

  it('no logger that has the four levels, such as console', async () => {
    await new RollcallClient({ logger: console }).close();
  });
});

describe('reading refuses at once', () => {
  const calls = [
    ['watch', (...args: unknown[]) => loose.watch(...args)],
    ['follow', (...args: unknown[]) => loose.follow(...args)],
    ['listEndpoints', (...args: unknown[]) => loose.listEndpoints(...args)],
  ] as const;

  it.each(calls)('%s: what is no service', async (_, call) => {
    expect(await wrongAtOnce(() => call({ service: 'payments' }))).toEqual([
      'service: must be a string, not an object',
    ]);
    expect(await wrongAtOnce(() => call('pay ments'))).toEqual([expect.stringMatching(/^service: .*letters/)]);
  });

  it.each(calls)('%s: a selector that would match everything', async (_, call) => {
    expect(await wrongAtOnce(() => call('payments', { zones: ['a'] }))).toEqual([
      'zones: is unknown; write selector: { zones }',
    ]);
    expect(await wrongAtOnce(() => call('payments', { selector: { zone: 'a' } }))).toEqual([
      "selector.zone: is unknown; write zones: ['a']",
    ]);
    expect(await wrongAtOnce(() => call('payments', { selector: { zones: 'a' } }))).toEqual([
      'selector.zones: must be a list of strings, not "a"',
    ]);
    const labelRequirements = [{ key: 'version', operator: 'IN' }];
    expect(await wrongAtOnce(() => call('payments', { selector: { labelRequirements } }))).toEqual([
      expect.stringMatching(/^selector.labelRequirements\[0\].operator: .*LabelOperator.IN, not "IN"$/),
      'selector.labelRequirements[0].values: is required',
    ]);
  });

  it('options that there are not, and values that are none', async () => {
    expect(await wrongAtOnce(() => loose.watch('payments', { timeoutMs: 5 }))).toEqual([
      'timeoutMs: is unknown; there are namespace, selector, signal',
    ]);
    expect(await wrongAtOnce(() => loose.follow('payments', { resumeToken: 5 }))).toEqual([
      'resumeToken: must be a string, not 5',
    ]);
    expect(await wrongAtOnce(() => loose.listServices({ selector: {} }))).toEqual([
      'selector: is unknown; there are signal, timeoutMs, namespace, minToken, pageSize',
    ]);
    for (const pageSize of [1.5, -1, 1_001, '5']) {
      const wrong = [`pageSize: must be a whole number of 0–1000, not ${JSON.stringify(pageSize)}`];
      expect(await wrongAtOnce(() => loose.listEndpoints('payments', { pageSize }))).toEqual(wrong);
      expect(await wrongAtOnce(() => loose.listServices({ pageSize }))).toEqual(wrong);
    }
  });
});

it('deregister refuses what is no lease, and what is missing', async () => {
  expect(await wrongWith(() => loose.deregister({ service: 'payments', id: 'a', leaseId: 5 }))).toEqual([
    'id: is unknown; write endpointId',
    'endpointId: is required',
    'leaseId: must be a bigint, not 5',
  ]);
  expect(await wrongWith(() => loose.deregister())).toEqual(['options: must be an object, not undefined']);
  const leaseId = 2n ** 63n;
  expect(await wrongWith(() => loose.deregister({ service: 'a', endpointId: 'a', leaseId }))).toEqual([
    `leaseId: must be a bigint, not ${leaseId}n`,
  ]);
});

it.each<[object, string]>([
  [{ signals: 'SIGTERM' }, `signals: must be a list such as ['SIGTERM'], not "SIGTERM"`],
  [{ signals: ['SIGFOO'] }, 'signals[0]: must be the name of a signal that can be listened for, not "SIGFOO"'],
  [{ signals: ['SIGKILL'] }, 'signals[0]: must be the name of a signal that can be listened for, not "SIGKILL"'],
  [
    { server: {} },
    'server: must be a server of grpc-js or nice-grpc, with forceShutdown and tryShutdown or shutdown, not an object',
  ],
  [{ drain: true }, 'drain: must be a function, not true'],
  [{ timeout: 5 }, 'timeout: is unknown; there are signals, propagationMs, server, drain, timeoutMs'],
])('closeOnSignals refuses %p', async (options, wrong) => {
  const listeners = process.listenerCount('SIGTERM');
  expect(await wrongAtOnce(() => loose.closeOnSignals(options))).toEqual([wrong]);
  expect(process.listenerCount('SIGTERM')).toBe(listeners);
});

it.each<[object, string]>([
  [
    { retry: false },
    'retry: is unknown; there are authority, balancing, serviceConfig, retries, ignoreOtherGrpcJs, replacedGraceMs',
  ],
  [{ retries: 'no' }, 'retries: must be true or false, not "no"'],
  [{ serviceConfig: '{}' }, 'serviceConfig: must be an object, not "{}"'],
])('registerRollcallResolver refuses %p', async (options, wrong) => {
  expect(await wrongAtOnce(() => registerRollcallResolver(client, options))).toEqual([wrong]);
});
