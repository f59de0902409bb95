import { Health, RollcallClient } from '../../../src/client/index.js';
import { registerRollcallResolver } from '../../../src/resolver/index.js';
import { startInProcess } from '../../support/in-process-server.js';
import { RawClient } from '../../support/raw-client.js';
import { failureOf, startScripted } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';
import { RecordedResolver } from './recorded-resolver.js';

const endpoint = (id: string) => ({ service: 'greeter', id, addresses: [`10.0.0.1:${1000 + Number(id)}`] });
const soon = () => new Promise((resolve) => setImmediate(resolve));

/** A client of a server of its own, that resolves; and a channel's resolver of `greeter`, which was not asked yet. */
async function start() {
  const server = await startInProcess();
  const client = new RollcallClient({ servers: [server.address], callTimeoutMs: 1_000 });
  const registration = registerRollcallResolver(client);
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      registration.unregister();
      await client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('a resolver', () => {
  it('tells nothing before it is asked, and then never at once', async () => {
    await using stage = await start();
    await stage.client.register(endpoint('1'));
    // The view is there already, for somebody else.
    await using view = stage.client.watch('greeter');
    await view.ready;
    using resolver = new RecordedResolver('greeter');
    await soon();
    expect(resolver.deliveries).toEqual([]);
    resolver.ask();
    expect(resolver.deliveries).toEqual([]);
    await until('it told', () => resolver.last);
    expect(resolver.deliveries).toMatchObject([{ ids: ['1'], policy: 'rollcall', note: '' }]);
  });

  it('does not answer whoever asks again, since the list is the same', async () => {
    await using stage = await start();
    await stage.client.register(endpoint('1'));
    using resolver = new RecordedResolver('greeter');
    resolver.ask();
    await until('it told', () => resolver.last);
    for (let ask = 0; ask < 100; ask++) {
      resolver.ask();
      await soon();
    }
    expect(resolver.deliveries).toHaveLength(1);
    await stage.client.register(endpoint('2'));
    await until('it told of the other', () => resolver.last?.ids.length === 2);
    expect(resolver.deliveries).toHaveLength(2);
  });

  it('tells of changes that come together once, and of those that concern no call not at all', async () => {
    await using stage = await start();
    const registration = await stage.client.register(endpoint('1'));
    using resolver = new RecordedResolver('greeter');
    resolver.ask();
    await until('it told', () => resolver.last);
    await registration.update({ metadata: { build: '7' } });
    await registration.update({ labels: { version: 'v2' } });
    const many = Array.from({ length: 50 }, (_, index) => endpoint(String(2 + index)));
    await Promise.all(many.map((one) => stage.client.register(one)));
    await until('it told of all', () => resolver.last?.ids.length === 51);
    const lists = resolver.deliveries.map(({ ids }) => ids.join(' '));
    expect(new Set(lists).size).toBe(lists.length);
    expect(lists.length).toBeLessThan(50);
  });

  it('hands on the same objects for what stays, and no attributes', async () => {
    await using stage = await start();
    await stage.client.register(endpoint('1'));
    const other = await stage.client.register(endpoint('2'));
    using resolver = new RecordedResolver('greeter');
    resolver.ask();
    const before = await until('it told', () => resolver.last?.endpoints);
    await other.update({ weight: 7 });
    await until('it told of the weight', () => resolver.deliveries.length === 2);
    await other.close();
    await until('it told of the end', () => resolver.last?.ids.length === 1);
    const [, second, third] = resolver.deliveries;
    expect([second?.endpoints?.[0], third?.endpoints?.[0]]).toEqual([before[0], before[0]]);
    expect(second?.endpoints?.[0]).toBe(before[0]);
    expect(third?.endpoints?.[0]).toBe(before[0]);
    expect(second?.endpoints?.[1]).not.toBe(before[1]);
    expect(resolver.deliveries.map(({ attributes }) => attributes)).toEqual([{}, {}, {}]);
  });

  it('tells nothing after it was destroyed, and begins anew when it is asked again', async () => {
    await using stage = await start();
    const registration = await stage.client.register(endpoint('1'));
    using resolver = new RecordedResolver('greeter');
    resolver.ask();
    resolver.destroy();
    await using view = stage.client.watch('greeter');
    await view.ready;
    await soon();
    expect(resolver.deliveries).toEqual([]);

    resolver.ask();
    await until('it told', () => resolver.last);
    resolver.destroy();
    await registration.update({ weight: 7 });
    await until('the client knows', () => {
      const reading = view.current();
      return reading.status === 'live' && reading.endpoints[0]?.weight === 7;
    });
    await soon();
    expect(resolver.deliveries).toHaveLength(1);

    resolver.ask();
    await until('it told again', () => resolver.deliveries.length === 2);
    expect(resolver.deliveries[1]?.endpoints?.[0]).not.toBe(resolver.deliveries[0]?.endpoints?.[0]);
  });

  it('begins anew with the last list when it is asked again and no server answers any more', async () => {
    await using stage = await start();
    await stage.client.register(endpoint('1'));
    using resolver = new RecordedResolver('greeter');
    resolver.ask();
    await until('it told', () => resolver.last);
    resolver.destroy();
    await stage.server[Symbol.asyncDispose]();
    resolver.ask();
    await until('it told again', () => resolver.deliveries.length === 2);
    expect(resolver.last).toMatchObject({ ids: ['1'], note: '' });
  });

  it('tells that nothing is known, and why, until a server answers', async () => {
    await using gone = await startInProcess();
    const { address } = gone;
    await gone[Symbol.asyncDispose]();
    await using client = new RollcallClient({ servers: [address], callTimeoutMs: 1_000 });
    using _ = registerRollcallResolver(client);
    using resolver = new RecordedResolver('greeter');
    resolver.ask();
    await until('it told', () => resolver.last);
    expect(resolver.deliveries).toMatchObject([{ endpoints: undefined, policy: 'rollcall' }]);
    expect(resolver.last?.note).toMatch(/^rollcall: nothing is known of greeter: 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
    await using server = await startInProcess({ settings: { listen: address } });
    await until('it told', () => resolver.last?.endpoints);
    expect(server.address).toBe(address);
    expect(resolver.last).toMatchObject({ ids: [], note: 'rollcall: greeter has no endpoints in namespace default' });
  });

  it('goes on asking a server that refuses for good, since it may be the wrong one', async () => {
    let refuses = true;
    const refused = failureOf('INVALID_FIELD', 'no such thing here');
    await using server = await startScripted({
      watch(call) {
        if (refuses) call.emit('error', refused);
        else
          call.write({
            event: { $case: 'snapshot', value: { endpoints: [], last: true, reason: 1 } },
            resumeToken: 't',
            digest: 0n,
            revision: 1,
          });
      },
    });
    await using client = new RollcallClient({ servers: [server.address], callTimeoutMs: 1_000 });
    using _ = registerRollcallResolver(client);
    using resolver = new RecordedResolver('greeter');
    resolver.ask();
    await until('it told', () => resolver.last);
    expect(resolver.last).toMatchObject({
      endpoints: undefined,
      note: 'rollcall: nothing is known of greeter: no such thing here',
    });
    refuses = false;
    await until('it told', () => resolver.last?.endpoints);
    expect(resolver.deliveries).toHaveLength(2);
  });

  it('goes on with what is known when its client is closed', async () => {
    await using server = await startInProcess();
    await using registrar = new RollcallClient({ servers: [server.address] });
    await registrar.register(endpoint('1'));
    await using client = new RollcallClient({ servers: [server.address] });
    using _ = registerRollcallResolver(client);
    using resolver = new RecordedResolver('greeter');
    resolver.ask();
    await until('it told', () => resolver.last);
    await client.close();
    for (let ask = 0; ask < 10; ask++) {
      resolver.ask();
      await soon();
    }
    expect(resolver.deliveries).toMatchObject([{ ids: ['1'] }]);
    // A channel that goes idle and wakes is told what is wrong.
    resolver.destroy();
    resolver.ask();
    await until('it told', () => resolver.deliveries.length === 2);
    expect(resolver.last).toMatchObject({
      endpoints: undefined,
      note: expect.stringContaining('the client was closed'),
    });
  });

  it('holds the last endpoints on when their leases lapse, and lets them go after the grace', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    using _ = registerRollcallResolver(client, { replacedGraceMs: 700 });
    // Nobody renews.
    using raw = await RawClient.connect(server.address);
    await raw.register({
      endpoint: { service: 'greeter', id: '1', addresses: [{ host: '10.0.0.1', port: 80 }] },
      ttl: { seconds: 1n, nanos: 0 },
    });
    using resolver = new RecordedResolver('greeter');
    resolver.ask();
    await until('it told', () => resolver.last);
    const view = client.watch('greeter');
    await until('the lease has lapsed', () => {
      const reading = view.current();
      return reading.status === 'live' && reading.endpoints.length === 0;
    });
    const lapsedMs = performance.now();
    await soon();
    expect(resolver.deliveries).toHaveLength(1);
    await until('it told', () => resolver.deliveries.length === 2);
    expect(performance.now() - lapsedMs).toBeGreaterThan(600);
    expect(resolver.last).toMatchObject({ ids: [], note: 'rollcall: greeter has no endpoints in namespace default' });
  });

  it('leaves out what drains, and says so when nothing else is there, to a policy that fails calls', async () => {
    await using stage = await start();
    const registration = await stage.client.register(endpoint('1'));
    const own = { 'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }) };
    using resolver = new RecordedResolver('greeter', own);
    resolver.ask();
    await until('it told', () => resolver.last);
    await registration.update({ health: Health.DRAINING });
    await until('it told', () => resolver.last?.ids.length === 0);
    await registration.update({ health: Health.HEALTHY });
    await until('it told', () => resolver.last?.ids.length === 1);
    expect(resolver.deliveries.map(({ policy, note }) => [policy, note])).toEqual([
      ['round_robin', ''],
      ['rollcall', 'rollcall: greeter has no endpoint that may serve in namespace default: 1 DRAINING'],
      ['round_robin', ''],
    ]);
  });
});
