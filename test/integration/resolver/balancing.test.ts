import { RollcallClient } from '../../../src/client/index.js';
import { registerRollcallResolver, type ResolverOptions } from '../../../src/resolver/index.js';
import { Caller, startGreeter, type Greeter } from '../../support/greeter.js';
import { startInProcess, type InProcessServer } from '../../support/in-process-server.js';
import { until } from '../../support/until.js';

let server: InProcessServer;
let client: RollcallClient;
const greeters = new Map<string, Greeter>();
beforeAll(async () => {
  server = await startInProcess();
  client = new RollcallClient({ servers: [server.address], zone: 'a' });
  for (const name of ['one', 'two', 'three']) greeters.set(name, await startGreeter(name));
});
afterAll(async () => {
  for (const greeter of greeters.values()) await greeter[Symbol.asyncDispose]();
  await client.close();
  await server[Symbol.asyncDispose]();
});

const register = (service: string, name: string, more: { weight?: number; locality?: { zone: string } }) =>
  client.register({ service, id: name, addresses: [greeters.get(name)!.address], ...more });

/** A caller whose channel is connected to all of so many. */
async function callerOf(service: string, backends: number, options: ResolverOptions = {}) {
  const registration = registerRollcallResolver(client, options);
  const caller = new Caller(`rollcall:///${service}`);
  await until('all are called', async () => (await caller.tally(10 * backends)).size === backends);
  return {
    shares: async (calls: number) => {
      const tally = await caller.tally(calls);
      return Object.fromEntries([...tally].map(([name, count]) => [name, count / calls]));
    },
    [Symbol.dispose]() {
      caller[Symbol.dispose]();
      registration.unregister();
    },
  };
}

describe('calls over rollcall:///SERVICE', () => {
  it('are spread by weight, within 2 %, and follow a change of it', async () => {
    const registration = await register('weighed', 'one', { weight: 50 });
    await register('weighed', 'two', { weight: 30 });
    await register('weighed', 'three', { weight: 20 });
    using caller = await callerOf('weighed', 3);
    const shares = await caller.shares(2_000);
    expect(Math.abs(shares['one']! - 0.5)).toBeLessThan(0.02);
    expect(Math.abs(shares['two']! - 0.3)).toBeLessThan(0.02);
    expect(Math.abs(shares['three']! - 0.2)).toBeLessThan(0.02);
    await registration.update({ weight: 0 });
    await until('one is left alone', async () => (await caller.shares(10))['one'] === undefined);
    const without = await caller.shares(500);
    expect(Math.abs(without['two']! - 0.6)).toBeLessThan(0.02);
  });

  it("stay in the client's zone, and spill over when too few are left in it", async () => {
    await register('zoned', 'one', { locality: { zone: 'a' } });
    const second = await register('zoned', 'two', { locality: { zone: 'a' } });
    await register('zoned', 'three', { locality: { zone: 'b' } });
    using caller = await callerOf('zoned', 2);
    expect(new Set(Object.keys(await caller.shares(100)))).toEqual(new Set(['one', 'two']));
    await second.close();
    await until('the other zone is called', async () => (await caller.shares(10))['three'] !== undefined);
    // One of the two that it takes is left, and carries half.
    const shares = await caller.shares(500);
    expect(Math.abs(shares['three']! - 0.5)).toBeLessThan(0.02);
  });

  it('go to no more endpoints than the subset has', async () => {
    await using greeter = await startGreeter('all', { listen: '0.0.0.0:0' });
    const port = greeter.address.split(':')[1];
    // All of 127.0.0.0/8 is this machine, so that one backend has a thousand addresses.
    const addresses = Array.from({ length: 1_000 }, (_, index) => `127.0.${1 + (index >> 8)}.${index & 255}:${port}`);
    await Promise.all(addresses.map((address) => client.register({ service: 'crowd', addresses: [address] })));
    using _ = registerRollcallResolver(client, { balancing: { subsetSize: 20 } });
    using caller = new Caller('rollcall:///crowd');
    await until('all of the subset are called', async () => {
      await caller.tally(40);
      return greeter.connections >= 20;
    });
    await caller.tally(200);
    expect(greeter.connections).toBe(20);
  });
});
