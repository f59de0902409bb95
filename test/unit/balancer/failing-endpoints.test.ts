import { endpoint, ScriptedChannel } from './scripted-channel.js';

let channel: ScriptedChannel;
beforeEach(() => {
  channel = new ScriptedChannel();
});
afterEach(() => channel.policy.destroy());

const near = (id: string) => endpoint(id, { zone: 'near' });
const far = (id: string) => endpoint(id, { zone: 'far' });
const addresses = () =>
  channel
    .connected()
    .map(({ address }) => address)
    .sort();

describe('of a subset', () => {
  it('whose own zone is dead, others are called, and no call fails until they are', () => {
    channel.list([near('n1'), near('n2'), far('f1'), far('f2'), far('f3')], {
      config: { subsetSize: 2, zone: 'near' },
    });
    expect(addresses()).toEqual(['n1:1', 'n2:1']);
    channel.at('n1:1').refused();
    channel.at('n2:1').refused();
    expect(channel.states).toEqual(['CONNECTING']);
    const others = addresses().filter((address) => address.startsWith('f'));
    expect(others).toHaveLength(2);
    for (const address of others) channel.at(address).ready();
    expect(channel.callsByAddress(4)).toEqual({ [others[0]!]: 2, [others[1]!]: 2 });
    // Four are enough, even if these fail too.
    for (const address of others) channel.at(address).lost();
    for (const address of others) channel.at(address).refused();
    expect(channel.connected()).toHaveLength(4);
    expect(channel.calls(1)[0]).toMatch(/^none of 4 endpoints can be reached/);
  });

  it('that is left with fewer in the zone than it takes, calls spill over', () => {
    channel.list([near('n1'), near('n2'), near('n3'), far('f1'), far('f2'), far('f3')], {
      config: { subsetSize: 3, zone: 'near', zoneEndpointsMin: 2 },
    });
    channel.at('n1:1').ready();
    channel.at('n2:1').refused();
    channel.at('n3:1').refused();
    for (const { address } of channel.connected()) if (address.startsWith('f')) channel.at(address).ready();
    expect(channel.callsByAddress(40)).toHaveProperty(['n1:1'], 20);
    expect(Object.keys(channel.callsByAddress(40))).toHaveLength(3);
  });

  it('that recover and last are called alone again, and those that come and go are not relied on', async () => {
    const listed = Array.from({ length: 20 }, (_, index) => endpoint(`e${index}`));
    channel.list(listed, { config: { subsetSize: 2 } });
    const [a, b] = channel.connected();
    a!.refused();
    b!.ready();
    const c = channel.connected().find((one) => one !== a && one !== b)!;
    c.ready();
    a!.ready();
    await channel.clock.advance(999);
    a!.lost();
    a!.ready();
    await channel.clock.advance(999);
    expect(channel.callsByAddress(30)).toEqual({ [a!.address]: 10, [b!.address]: 10, [c.address]: 10 });
    await channel.clock.advance(1);
    expect(channel.callsByAddress(30)).toEqual({ [a!.address]: 15, [b!.address]: 15 });
    expect(c.refs).toBe(0);
    // Each was asked for once, and that which was lost once more.
    expect(channel.asked).toHaveLength(4);
  });

  it('that the pool knows to be failing, others are connected to at once', () => {
    for (const id of ['a', 'b', 'c']) channel.at(`${id}:1`).refused();
    channel.list(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => endpoint(id)),
      { config: { subsetSize: 3 } },
    );
    expect(addresses()).toEqual(expect.arrayContaining(['d:1', 'e:1', 'f:1']));
    expect(channel.states).toEqual(['CONNECTING']);
  });

  it('that say nothing for 5 s, others take the place', async () => {
    channel.list([near('n1'), far('f1')], { config: { subsetSize: 1, zone: 'near' } });
    await channel.clock.advance(4_999);
    expect(addresses()).toEqual(['n1:1']);
    await channel.clock.advance(1);
    expect(addresses()).toEqual(['f1:1', 'n1:1']);
    channel.at('f1:1').ready();
    expect(channel.calls(1)).toEqual(['f1:1']);
  });
});

describe('an endpoint that accepts a connection and says nothing', () => {
  it('counts as failed after 5 s, while its attempt goes on', async () => {
    channel.list([endpoint('a'), endpoint('b')]);
    channel.at('a:1').connecting();
    channel.at('b:1').refused();
    await channel.clock.advance(4_999);
    expect(channel.calls(1)).toEqual(['queued']);
    await channel.clock.advance(1);
    expect(channel.calls(1)[0]).toMatch(/^none of 2 endpoints can be reached; .*no connection within 5000 ms/);
    channel.at('a:1').ready();
    expect(channel.calls(1)).toEqual(['a:1']);
    expect(channel.asked).toHaveLength(2);
  });

  it('has 5 s again for the connection after one that was lost', async () => {
    channel.list([endpoint('a')]);
    await channel.clock.advance(4_000);
    channel.at('a:1').ready();
    await channel.clock.advance(4_000);
    expect(channel.state).toBe('READY');
    channel.at('a:1').lost();
    await channel.clock.advance(4_999);
    expect(channel.state).toBe('CONNECTING');
    await channel.clock.advance(1);
    expect(channel.state).toBe('TRANSIENT_FAILURE');
  });
});

describe('an endpoint that hangs up as soon as it is connected to', () => {
  /** Connects whenever it is asked for; how often that was. */
  async function hangUps(ms: number): Promise<number> {
    let count = 0;
    for (let passed = 0; passed < ms; passed += 10) {
      await channel.clock.advance(10);
      while (channel.asked.length > count) {
        count = channel.asked.length;
        channel.at('a:1').ready();
        channel.at('a:1').lost();
      }
    }
    return count;
  }

  it('is connected to at once again, then after the backoff, which doubles up to its maximum', async () => {
    channel.list([endpoint('a')], {
      options: { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1_000 },
    });
    // With the least jitter: 0, 80, 160, 320, 640, 800 and 800 ms after each other.
    expect(await hangUps(10)).toBe(2);
    expect(await hangUps(1_210)).toBe(6);
    expect(await hangUps(1_600)).toBe(8);
    expect(channel.calls(1)[0]).toMatch(/connections in a row were lost as soon as they were made/);
  });

  it('does not make calls wait while it is connected to once more', async () => {
    channel.list([endpoint('a')]);
    await hangUps(20);
    const asked = channel.asked.length;
    await channel.clock.advance(200);
    expect(channel.asked).toHaveLength(asked + 1);
    expect(channel.state).toBe('TRANSIENT_FAILURE');
  });

  it('and is removed while it is connected to once more is heard of no more', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    try {
      channel.list([endpoint('a')]);
      await hangUps(20);
      await channel.clock.advance(200);
      channel.list([endpoint('b')]);
      channel.at('b:1').refused('b is down');
      // grpc-js's timer for the next address, which does not exist; it reports a state.
      jest.advanceTimersByTime(1_000);
      expect(channel.calls(1)[0]).toMatch(/^none of 1 endpoints can be reached; the last error: .*b is down/);
      channel.policy.destroy();
      expect(channel.clock.fireNext(Infinity)).toBe(false);
    } finally {
      jest.useRealTimers();
    }
  });

  it('leaves the others as they are', async () => {
    channel.list([endpoint('b')]);
    channel.at('b:1').ready();
    channel.list([endpoint('b'), endpoint('a')]);
    expect(await hangUps(1_000)).toBeLessThan(7);
    expect(channel.callsByAddress(10)).toEqual({ 'b:1': 10 });
    expect(new Set(channel.states)).toEqual(new Set(['CONNECTING', 'READY']));
  });

  it('is connected to at once again when a connection has lasted', async () => {
    channel.list([endpoint('a')]);
    await hangUps(300);
    await channel.clock.advance(400);
    channel.at('a:1').ready();
    await channel.clock.advance(1_000);
    const asked = channel.asked.length;
    channel.at('a:1').lost();
    expect(channel.asked).toHaveLength(asked + 1);
    expect(channel.state).toBe('CONNECTING');
  });

  it('and is removed is not connected to again', async () => {
    channel.list([endpoint('a')]);
    await hangUps(20);
    channel.list([endpoint('b')]);
    const asked = channel.asked.length;
    await channel.clock.advance(10_000);
    expect(channel.asked).toHaveLength(asked);
  });

  it('is connected to with the options of the day', async () => {
    channel.list([endpoint('a')]);
    await hangUps(20);
    channel.list([endpoint('a')], { options: { 'grpc.keepalive_time_ms': 7 } });
    await channel.clock.advance(400);
    expect(channel.asked.at(-1)).toMatchObject({ 'grpc.keepalive_time_ms': 7 });
  });
});

it('an endpoint that is ejected while it proves itself is not called until it is taken back', async () => {
  channel.list([endpoint('a')]);
  channel.at('a:1').refused();
  channel.at('a:1').ready();
  channel.at('a:1').setHealthy(false);
  await channel.clock.advance(10_000);
  expect(channel.state).toBe('TRANSIENT_FAILURE');
  channel.at('a:1').setHealthy(true);
  expect(channel.calls(1)).toEqual(['a:1']);
});
