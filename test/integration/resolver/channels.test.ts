import {
  Client,
  connectivityState,
  credentials,
  logVerbosity,
  ServerCredentials,
  setLogVerbosity,
  status,
  type ChannelOptions,
} from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { createChannel, createClientFactory } from 'nice-grpc';
import { RollcallClient } from '../../../src/client/index.js';
import { DiscoveryServiceService, ListServicesRequest } from '../../../src/gen/rollcall/v1/discovery.js';
import {
  registerRollcallResolver,
  ROLLCALL_CHANNEL_OPTIONS,
  type ResolverOptions,
} from '../../../src/resolver/index.js';
import { DynamicClient } from '../../support/dynamic-client.js';
import { Caller, startGreeter } from '../../support/greeter.js';
import { startInProcess, type InProcessServer } from '../../support/in-process-server.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { makeSelfSigned } from '../../support/self-signed.js';
import { startFaultProxy } from '../../support/fault-proxy.js';
import { until } from '../../support/until.js';

let server: InProcessServer;
let client: RollcallClient;
let resolver: Disposable;
const logger = new RecordingLogger();
beforeAll(async () => {
  server = await startInProcess();
  client = new RollcallClient({ servers: [server.address], zone: 'a', logger });
  resolver = registerRollcallResolver(client);
});
afterAll(async () => {
  resolver[Symbol.dispose]();
  await client.close();
  await server[Symbol.asyncDispose]();
});

/** The policy for a channel, as an application chooses it. */
const policy = (name: string): ChannelOptions => ({
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ [name]: {} }] }),
});

let services = 0;
/** A service that no other test uses. */
const newService = () => `greeter-${services++}`;

describe.each(['rollcall', 'round_robin', 'weighted_round_robin', 'pick_first'])(
  'under policy %s, a service that',
  (name) => {
    it('is known to be empty fails calls at once, says so, and is called once it is not', async () => {
      const service = newService();
      using caller = new Caller(`rollcall:///${service}`, policy(name));
      const refused = {
        code: status.UNAVAILABLE,
        details: expect.stringContaining(`rollcall: ${service} has no endpoints`),
      };
      await expect(caller.call()).rejects.toMatchObject(refused);
      const waiting = caller.call({ waitForReady: true });
      await using greeter = await startGreeter('a');
      const registration = await client.register({ service, addresses: [greeter.address] });
      expect(await waiting).toBe('a');
      await registration.close();
      await until('calls fail', () =>
        caller.call({ timeoutMs: 5_000 }).then(
          () => false,
          (error) => error.code === status.UNAVAILABLE,
        ),
      );
      await expect(caller.call()).rejects.toMatchObject(refused);
    });

    it('loses its connections does not make the resolver turn in circles', async () => {
      const service = newService();
      const greeter = await startGreeter('a');
      await client.register({ service, addresses: [greeter.address] });
      using caller = new Caller(`rollcall:///${service}`, policy(name));
      await caller.call();
      greeter.kill();
      await until(
        'the connection is lost',
        () => caller.client.getChannel().getConnectivityState(true) !== connectivityState.READY,
      );
      // A resolver that answered each question would have the policy ask again at once, without end.
      const before = process.cpuUsage();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1_000).toBeLessThan(350);
      await using _ = await startGreeter('again', { listen: greeter.address });
      await until(
        'it is called again',
        () =>
          caller.call().then(
            (who) => who === 'again',
            () => false,
          ),
        30_000,
      );
    });
  },
);

describe('a channel', () => {
  it.each(['Rollcall', 'ROLLCALL'])('may write the scheme %s, of which grpc-js would ask the DNS', async (scheme) => {
    const service = newService();
    await using a = await startGreeter('a');
    await client.register({ service, addresses: [a.address] });
    using caller = new Caller(`${scheme}:///${service}`);
    expect(await caller.call()).toBe('a');
  });

  it('that went idle goes on, on the same resolver', async () => {
    const service = newService();
    await using a = await startGreeter('a');
    await using b = await startGreeter('b');
    const first = await client.register({ service, addresses: [a.address] });
    using caller = new Caller(`rollcall:///${service}`, { 'grpc.client_idle_timeout_ms': 1_000 });
    const idle = () => caller.client.getChannel().getConnectivityState(false) === connectivityState.IDLE;
    expect(await caller.call()).toBe('a');
    await until('it is idle', idle);
    await first.close();
    await client.register({ service, addresses: [b.address] });
    expect(await caller.call()).toBe('b');
    await until('it is idle', idle);
    expect(await caller.call()).toBe('b');
  });

  it('that went idle goes on with the last list while no server answers', async () => {
    await using own = await startInProcess();
    await using ownClient = new RollcallClient({ servers: [own.address], callTimeoutMs: 500 });
    using _ = registerRollcallResolver(ownClient, { authority: 'idle' });
    await using a = await startGreeter('a');
    await ownClient.register({ service: 'greeter', addresses: [a.address] });
    using caller = new Caller('rollcall://idle/greeter', { 'grpc.client_idle_timeout_ms': 1_000 });
    await caller.call();
    await own[Symbol.asyncDispose]();
    await until('it is idle', () => caller.client.getChannel().getConnectivityState(false) === connectivityState.IDLE);
    expect(await caller.call()).toBe('a');
  });

  it('queues calls until anything is known; once no server answers they fail, unless they wait for ready', async () => {
    await using gone = await startInProcess();
    await gone[Symbol.asyncDispose]();
    await using ownClient = new RollcallClient({ servers: [gone.address], callTimeoutMs: 500 });
    using _ = registerRollcallResolver(ownClient, { authority: 'cold' });
    using caller = new Caller('rollcall://cold/greeter');
    const startMs = performance.now();
    const waiting = caller.call({ waitForReady: true, timeoutMs: 30_000 });
    await expect(caller.call()).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringMatching(/rollcall: nothing is known of greeter: .*ECONNREFUSED/),
    });
    // A second after the first question; without an answer it would be the deadline, ten seconds.
    expect(performance.now() - startMs).toBeLessThan(5_000);
    await expect(caller.call()).rejects.toMatchObject({ code: status.UNAVAILABLE });

    await using again = await startInProcess({ settings: { listen: gone.address } });
    await using a = await startGreeter('a');
    await using registrar = new RollcallClient({ servers: [again.address] });
    await registrar.register({ service: 'greeter', addresses: [a.address] });
    expect(await waiting).toBe('a');
  });

  it('keeps its connections when other endpoints come and go, or a weight changes', async () => {
    const service = newService();
    await using a = await startGreeter('a');
    await using b = await startGreeter('b');
    const registration = await client.register({ service, addresses: [a.address] });
    using caller = new Caller(`rollcall:///${service}`);
    await caller.call();
    const other = await client.register({ service, addresses: [b.address] });
    await until('both are called', async () => (await caller.tally(4)).size === 2);
    await registration.update({ weight: 50 });
    await other.close();
    await until('one is called', async () => (await caller.tally(4)).size === 1);
    expect(a.connections).toBe(1);
  });

  it('has the name of the service for its authority, which a certificate must have', async () => {
    const { key, certificate } = makeSelfSigned('secure-greeter');
    const serverCredentials = ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: certificate }]);
    await using a = await startGreeter('a', { serverCredentials });
    const addresses = [a.address];
    await client.register({ service: 'secure-greeter', addresses });
    await client.register({ service: 'other-greeter', addresses });
    const trusting = credentials.createSsl(certificate);
    using caller = new Caller('rollcall:///secure-greeter', {}, trusting);
    expect(await caller.call()).toBe('a');
    expect(a.authorities).toEqual(['secure-greeter']);
    using wrong = new Caller('rollcall:///other-greeter', {}, trusting);
    await expect(wrong.call()).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringMatching(/altnames|secure-greeter/),
    });
  });

  it('connects over TLS to what comes after nobody answers for new channels any more', async () => {
    const { key, certificate } = makeSelfSigned('tls-greeter');
    const serverCredentials = ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: certificate }]);
    await using a = await startGreeter('a', { serverCredentials });
    await using b = await startGreeter('b', { serverCredentials });
    const registration = registerRollcallResolver(client, { authority: 'for-a-while' });
    await client.register({ service: 'tls-greeter', addresses: [a.address] });
    using caller = new Caller('rollcall://for-a-while/tls-greeter', {}, credentials.createSsl(certificate));
    expect(await caller.call()).toBe('a');
    registration.unregister();
    await client.register({ service: 'tls-greeter', addresses: [b.address] });
    await until('both are called', async () => (await caller.tally(4)).size === 2);
  });

  it('makes every call again that a backend took with it, however many', async () => {
    const service = newService();
    await using a = await startGreeter('a', { silent: true });
    await using b = await startGreeter('b');
    const proxy = await startFaultProxy(a.address);
    await client.register({ service, id: 'a', addresses: [proxy.address], weight: 100 });
    await client.register({ service, id: 'b', addresses: [b.address], weight: 1 });
    using caller = new Caller(`rollcall:///${service}`);
    await until('both are called', async () => {
      await caller.call({ timeoutMs: 200 }).catch(() => undefined);
      return a.calls > 0;
    });
    const calls = Array.from({ length: 700 }, () => caller.call({ timeoutMs: 20_000 }));
    await until('more are lost than any throttle would allow', () => a.calls > 600);
    await proxy[Symbol.asyncDispose]();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['b']));
  });

  it('calls what was there before the catalog was replaced, also if it is made, or wakes, when that was', async () => {
    const own = await startInProcess();
    await using ownClient = new RollcallClient({ servers: [own.address], callTimeoutMs: 500 });
    using _ = registerRollcallResolver(ownClient, { authority: 'replaced' });
    await using a = await startGreeter('a');
    await using registrar = new RollcallClient({ servers: [own.address], callTimeoutMs: 500 });
    await registrar.register({ service: 'greeter', addresses: [a.address] });
    using old = new Caller('rollcall://replaced/greeter', { 'grpc.client_idle_timeout_ms': 1_000 });
    expect(await old.call()).toBe('a');
    // Does not become idle however long this takes: somebody has to see the catalog go.
    using awake = new Caller('rollcall://replaced/greeter');
    expect(await awake.call()).toBe('a');
    await own[Symbol.asyncDispose]();
    // It can tell nobody, and does not register anew.
    await registrar.close();

    await using empty = await startInProcess({ settings: { listen: own.address } });
    const view = ownClient.watch('greeter');
    await until('the catalog is known to be empty', () => {
      const reading = view.current();
      return reading.status === 'live' && reading.endpoints.length === 0;
    });
    expect(empty.address).toBe(own.address);
    expect(await old.call()).toBe('a');
    awake.client.close();
    using young = new Caller('rollcall://replaced/greeter');
    expect(await young.call()).toBe('a');
    young.client.close();
    await until(
      'the old one is idle',
      () => old.client.getChannel().getConnectivityState(false) === connectivityState.IDLE,
    );
    expect(await old.call()).toBe('a');
  });

  it('calls only what its target selects', async () => {
    const service = newService();
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => startGreeter(name)));
    await client.register({ service, addresses: [a!.address], labels: { version: 'v1' }, locality: { zone: 'x' } });
    await client.register({ service, addresses: [b!.address], labels: { version: 'v2' }, locality: { zone: 'x' } });
    await client.register({ service, namespace: 'shop', addresses: [c!.address] });
    const calls = async (target: string) => {
      using caller = new Caller(target);
      return [...(await caller.tally(10)).keys()].toSorted((one, other) => (one < other ? -1 : 1));
    };
    expect(await calls(`rollcall:///${service}?label.version=v2`)).toEqual(['b']);
    expect(await calls(`rollcall:///${service}?zone=x&label.version=v1&label.version=v2`)).toEqual(['a', 'b']);
    expect(await calls(`rollcall:///${service}?namespace=shop`)).toEqual(['c']);
    for (const greeter of [a, b, c]) await greeter![Symbol.asyncDispose]();
  });
});

describe('stubs', () => {
  // A server of ours is as good a backend as any, and has a service that all of them can be made of.
  const register = async () => {
    const service = newService();
    await client.register({ service, addresses: [server.address] });
    return { service, named: { services: expect.arrayContaining([expect.objectContaining({ service })]) } };
  };

  it('of nice-grpc work, and a target without slashes is refused clearly', async () => {
    const { service, named } = await register();
    const channel = createChannel(`rollcall:///${service}`, credentials.createInsecure(), ROLLCALL_CHANNEL_OPTIONS);
    const discovery = createClientFactory().create(DiscoveryServiceService, channel);
    expect(await discovery.listServices(ListServicesRequest.create({ pageSize: 1_000 }))).toMatchObject(named);
    channel.close();
    // nice-grpc takes it for a host, and appends a port.
    expect(() => createChannel(`rollcall:${service}`)).toThrow(
      expect.objectContaining({
        reason: 'INVALID_FIELD',
        message: expect.stringContaining(`write rollcall:///${service}`),
      }),
    );
  });

  it('of proto-loader work', async () => {
    const { service, named } = await register();
    const definition = await load('rollcall/v1/discovery.proto', { includeDirs: ['proto'] });
    using discovery = new DynamicClient(`rollcall:///${service}`, definition, 'rollcall.v1.DiscoveryService');
    expect(await discovery.call('ListServices', { pageSize: 1_000 })).toMatchObject(named);
  });
});

describe('where the environment has a proxy', () => {
  beforeAll(() => {
    process.env['http_proxy'] = 'http://127.0.0.1:1';
    // That it cannot connect to the proxy is what is wanted.
    setLogVerbosity(logVerbosity.NONE);
  });
  afterAll(() => {
    delete process.env['http_proxy'];
    setLogVerbosity(logVerbosity.ERROR);
  });

  it('channels need ROLLCALL_CHANNEL_OPTIONS, and a warning says so', async () => {
    logger.lines.length = 0;
    registerRollcallResolver(client);
    expect(logger.lines).toEqual([expect.stringMatching(/^warn: http_proxy is set: .*ROLLCALL_CHANNEL_OPTIONS/)]);
    const service = newService();
    await using a = await startGreeter('a');
    await client.register({ service, addresses: [a.address] });
    using caller = new Caller(`rollcall:///${service}`, ROLLCALL_CHANNEL_OPTIONS);
    expect(await caller.call()).toBe('a');
    // Should grpc-js learn better, the options can go.
    using hijacked = new Caller(`rollcall:///${service}`);
    await expect(hijacked.call()).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect(a.calls).toBe(1);
  });
});

describe('whoever makes a channel', () => {
  const make = (target: string, options: ChannelOptions = {}) =>
    new Client(target, credentials.createInsecure(), options);
  const withConfig = (config: object) => make('rollcall:///greeter', { 'grpc.service_config': JSON.stringify(config) });

  it('is told at once of a target that is none', () => {
    expect(() => make('rollcall:///greeter?colour=red')).toThrow(expect.objectContaining({ reason: 'INVALID_FIELD' }));
  });

  it('is told at once that nobody answers for an authority, and who does', () => {
    const message = expect.stringMatching(/no client was registered for rollcall:\/\/nobody\/….*rollcall:\/\/\//);
    expect(() => make('rollcall://nobody/greeter')).toThrow(
      expect.objectContaining({ reason: 'INVALID_FIELD', message }),
    );
  });

  it('is told at once that the client was closed', async () => {
    const closed = new RollcallClient({ servers: [server.address] });
    using _ = registerRollcallResolver(closed, { authority: 'closed' });
    await closed.close();
    expect(() => make('rollcall://closed/greeter')).toThrow(expect.objectContaining({ reason: 'CLIENT_CLOSED' }));
  });

  it.each([
    [{ loadBalancingConfig: [{ rollcall: { subsetSize: 0 } }] }, 'loadBalancingConfig[0]'],
    [{ loadBalancingConfig: [{ roundrobin: {} }] }, 'loadBalancingConfig[0]'],
    [{ loadBalancingConfig: [] }, 'loadBalancingConfig'],
  ])('is told at once of the policy %j', (config, field) => {
    const violations = [{ field, description: expect.any(String) }];
    expect(() => withConfig(config)).toThrow(expect.objectContaining({ reason: 'INVALID_FIELD', violations }));
  });

  it('is told by grpc-js of a service config that is none', () => {
    expect(() => make('rollcall:///greeter', { 'grpc.service_config': '{' })).toThrow(SyntaxError);
    expect(() => withConfig({ methodConfig: [{}] })).toThrow('Invalid method config');
  });

  it('has a timeout of a method kept, also where it is less than a second', async () => {
    const service = newService();
    const methodConfig = [{ name: [{ service: 'test.Greeter' }], timeout: '0.3s' }];
    const config = { 'grpc.service_config': JSON.stringify({ methodConfig }) };
    using caller = new Caller(`rollcall:///${service}`, config);
    const startMs = performance.now();
    await expect(caller.call({ waitForReady: true })).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
    expect(performance.now() - startMs).toBeGreaterThan(250);
  });
});

describe('whoever registers a resolver', () => {
  it.each([
    ['authority', { authority: 'a/b' }],
    ['retry', { retry: false }],
    ['retries', { retries: 'no' }],
    ['replacedGraceMs', { replacedGraceMs: -1 }],
    ['replacedGraceMs', { replacedGraceMs: Number.NaN }],
    ['replacedGraceMs', { replacedGraceMs: Infinity }],
    ['loadBalancingConfig[0]', { balancing: { slowStartWindow: '30' } }],
    ['loadBalancingConfig[0]', { serviceConfig: { loadBalancingConfig: [{ best: {} }] } }],
  ])('is told at once of a bad %s', (field, options) => {
    const violations = [{ field, description: expect.any(String) }];
    const refused = expect.objectContaining({ reason: 'INVALID_FIELD', violations });
    expect(() => registerRollcallResolver(client, options as ResolverOptions)).toThrow(refused);
  });

  it('may not take an authority over from a client that is open', async () => {
    await using other = new RollcallClient({ servers: [server.address] });
    const taken = expect.objectContaining({
      reason: 'INVALID_FIELD',
      message: expect.stringContaining('rollcall:///…'),
    });
    expect(() => registerRollcallResolver(other)).toThrow(taken);
    using first = registerRollcallResolver(other, { authority: 'mine' });
    expect(() => registerRollcallResolver(client, { authority: 'mine' })).toThrow(/rollcall:\/\/mine\//);
    first[Symbol.dispose]();
    using second = registerRollcallResolver(client, { authority: 'mine' });
    // The first has nothing to end any more.
    first[Symbol.dispose]();
    expect(() => new Caller('rollcall://mine/greeter').client.close()).not.toThrow();
    second[Symbol.dispose]();
    expect(() => new Caller('rollcall://mine/greeter')).toThrow(/no client was registered/);
  });
});
