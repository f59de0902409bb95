import { experimental } from '@grpc/grpc-js';
import { endpoint, ScriptedChannel } from './scripted-channel.js';

let channel: ScriptedChannel;
beforeEach(() => {
  channel = new ScriptedChannel();
});
afterEach(() => channel.policy.destroy());

/** Lists endpoints and makes them ready. */
function ready(...ids: string[]): readonly experimental.Endpoint[] {
  const listed = ids.map((id) => endpoint(id));
  channel.list(listed);
  for (const id of ids) channel.at(`${id}:1`).ready();
  return listed;
}

describe('the state', () => {
  it('is CONNECTING, and calls wait, until an endpoint is ready', () => {
    channel.list([endpoint('a'), endpoint('b')]);
    expect(channel.state).toBe('CONNECTING');
    expect(channel.calls(1)).toEqual(['queued']);
    channel.at('b:1').ready();
    expect(channel.state).toBe('READY');
    expect(channel.calls(2)).toEqual(['b:1', 'b:1']);
  });

  it('is reported once however many endpoints become ready', () => {
    ready('a', 'b', 'c', 'd');
    expect(channel.states).toEqual(['CONNECTING', 'READY']);
  });

  it('fails calls once all endpoints have failed, with their number and the last error', () => {
    channel.list([endpoint('a'), endpoint('b')]);
    channel.at('a:1').refused('ECONNREFUSED a');
    expect(channel.state).toBe('CONNECTING');
    channel.at('b:1').refused('ECONNREFUSED b');
    expect(channel.state).toBe('TRANSIENT_FAILURE');
    expect(channel.calls(1)[0]).toMatch(/^none of 2 endpoints can be reached; the last error: .*ECONNREFUSED b/);
    channel.at('a:1').ready();
    expect(channel.calls(1)).toEqual(['a:1']);
  });

  it('is the failure of the resolver where there was no list yet', () => {
    expect(channel.fail('no server answers')).toBe(true);
    expect(channel.state).toBe('TRANSIENT_FAILURE');
    expect(channel.calls(1)).toEqual(['no server answers']);
    ready('a');
    expect(channel.calls(1)).toEqual(['a:1']);
  });

  it('stays as it is when the resolver fails after a list', () => {
    ready('a');
    expect(channel.fail('no server answers')).toBe(true);
    expect(channel.calls(1)).toEqual(['a:1']);
    channel.list([], { note: 'payments has no endpoints' });
    expect(channel.fail('no server answers')).toBe(true);
    expect(channel.calls(1)).toEqual(['payments has no endpoints']);
  });

  it('of an empty list fails calls with the resolver’s note, and the list is accepted', () => {
    ready('a');
    expect(channel.list([], { note: 'payments has no endpoints' })).toBe(true);
    expect(channel.state).toBe('TRANSIENT_FAILURE');
    expect(channel.calls(1)).toEqual(['payments has no endpoints']);
    expect(channel.at('a:1').refs).toBe(0);
    channel.list([]);
    expect(channel.calls(1)).toEqual(['the service has no endpoints']);
  });
});

it('declines the configuration of another policy', () => {
  const config = { getLoadBalancerName: () => 'other', toJsonObject: () => ({}) };
  const list = experimental.statusOrFromValue([endpoint('a')]);
  expect(channel.policy.updateAddressList(list, config, {}, '')).toBe(false);
  expect(channel.states).toEqual([]);
});

describe('an endpoint', () => {
  it('that stays is not touched, whatever changes around it', () => {
    ready('a', 'b');
    channel.list([endpoint('c'), endpoint('b', { weight: 7, zone: 'z' }), endpoint('a')]);
    channel.list([endpoint('a', { zone: 'z' })], { config: { zone: 'z', zoneEndpointsMin: 1 } });
    // One connection was asked for by each of a, b and c.
    expect(channel.asked).toHaveLength(3);
    expect(channel.at('a:1').refs).toBe(1);
    expect(channel.at('b:1').refs).toBe(0);
  });

  it('takes over the connection of the one it replaces at the same address', () => {
    ready('a');
    channel.list([endpoint('a2', { host: 'a' })]);
    expect(channel.calls(1)).toEqual(['a:1']);
    expect(channel.states).toEqual(['CONNECTING', 'READY']);
    expect(channel.at('a:1').refs).toBe(1);
  });

  it('is connected to anew at other addresses', () => {
    ready('a', 'b');
    channel.list([endpoint('a', { host: 'elsewhere' }), endpoint('b')]);
    expect(channel.at('a:1').refs).toBe(0);
    channel.at('elsewhere:1').ready();
    expect(channel.callsByAddress(10)).toEqual({ 'b:1': 5, 'elsewhere:1': 5 });
  });

  it('that is listed twice is called as one', () => {
    channel.list([endpoint('a'), endpoint('a'), endpoint('b')]);
    channel.at('a:1').ready();
    channel.at('b:1').ready();
    expect(channel.asked).toHaveLength(2);
    expect(channel.callsByAddress(10)).toEqual({ 'a:1': 5, 'b:1': 5 });
    channel.list([]);
    expect(channel.at('a:1').refs).toBe(0);
  });

  it('whose connection is lost is connected to at once, and asks the resolver whether it moved', () => {
    ready('a', 'b');
    const starts = channel.at('a:1').starts;
    channel.at('a:1').lost();
    expect(channel.at('a:1').starts).toBeGreaterThan(starts);
    expect(channel.reresolutions).toBe(1);
    expect(channel.callsByAddress(10)).toEqual({ 'b:1': 10 });
    channel.at('a:1').ready();
    expect(channel.callsByAddress(10)).toEqual({ 'a:1': 5, 'b:1': 5 });
  });

  it('whose connection is lost stays away where the resolver knows at once that it is gone', () => {
    const [a] = ready('a', 'b');
    channel.onReresolution = () => channel.list([a!]);
    channel.at('b:1').lost();
    expect(channel.at('b:1').refs).toBe(0);
    expect(channel.calls(2)).toEqual(['a:1', 'a:1']);
  });

  it('of no addresses fails, and the others are called', () => {
    const nowhere = Object.assign(endpoint('nowhere'), { addresses: [] });
    channel.list([nowhere, endpoint('a')]);
    channel.at('a:1').ready();
    expect(channel.calls(2)).toEqual(['a:1', 'a:1']);
  });

  it('of a resolver without weights is called as often as others', () => {
    const plain = (host: string) => ({ addresses: [{ host, port: 1 }] });
    channel.list([plain('a'), plain('b')]);
    channel.at('a:1').ready();
    channel.at('b:1').ready();
    expect(channel.callsByAddress(10)).toEqual({ 'a:1': 5, 'b:1': 5 });
  });
});

describe('the weight 0', () => {
  it('means no calls, also where nobody else is ready', () => {
    channel.list([endpoint('a', { weight: 0 }), endpoint('b')]);
    channel.at('a:1').ready();
    expect(channel.state).toBe('CONNECTING');
    channel.at('b:1').ready();
    expect(channel.callsByAddress(20)).toEqual({ 'b:1': 20 });
    channel.at('b:1').lost();
    channel.at('b:1').refused();
    expect(channel.calls(1)[0]).toMatch(/^none of 1 endpoints/);
  });

  it('of everybody means the same for all', () => {
    channel.list([endpoint('a', { weight: 0 }), endpoint('b', { weight: 0 })]);
    channel.at('a:1').ready();
    channel.at('b:1').ready();
    expect(channel.callsByAddress(20)).toEqual({ 'a:1': 10, 'b:1': 10 });
  });

  it('keeps the connection, so that a weight brings calls back at once', () => {
    ready('a', 'b');
    channel.list([endpoint('a', { weight: 0 }), endpoint('b')]);
    expect(channel.callsByAddress(20)).toEqual({ 'b:1': 20 });
    channel.list([endpoint('a'), endpoint('b')]);
    expect(channel.callsByAddress(20)).toEqual({ 'a:1': 10, 'b:1': 10 });
    expect(channel.asked).toHaveLength(2);
  });

  it.each([NaN, -1, Infinity])('is what %p counts for', (weight) => {
    channel.list([endpoint('a', { weight }), endpoint('b')]);
    channel.at('a:1').ready();
    channel.at('b:1').ready();
    expect(channel.callsByAddress(4)).toEqual({ 'b:1': 4 });
  });
});

describe('connections', () => {
  it('are tried again soon, unless the channel says otherwise', () => {
    channel.list([endpoint('a')], { options: { 'grpc.max_reconnect_backoff_ms': 9_000, 'grpc.keepalive_time_ms': 7 } });
    expect(channel.asked).toEqual([
      expect.objectContaining({
        'grpc.initial_reconnect_backoff_ms': 200,
        'grpc.max_reconnect_backoff_ms': 9_000,
        'grpc.keepalive_time_ms': 7,
      }),
    ]);
  });

  it('are asked for with equal options after each list, so that channels can share them', () => {
    channel.list([endpoint('a')]);
    channel.list([endpoint('b')]);
    expect(channel.asked[1]).toEqual(channel.asked[0]);
  });

  it('are not asked for with what a channel keeps to itself, and not again where that changes', () => {
    const key = `${experimental.SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX}.test`;
    channel.list([endpoint('a')], { options: { [key]: {} } });
    channel.list([endpoint('a')], { options: { [key]: {} } });
    expect(channel.asked).toHaveLength(1);
    expect(channel.asked[0]).not.toHaveProperty([key]);
  });

  it('are asked for again where the options have changed, and used until then', () => {
    const [a] = ready('a');
    channel.list([a!], { options: { 'grpc.keepalive_time_ms': 7 } });
    expect(channel.asked).toHaveLength(2);
    expect(channel.asked[1]).toMatchObject({ 'grpc.keepalive_time_ms': 7 });
    expect(channel.calls(1)).toEqual(['a:1']);
    channel.list([a!], { options: { 'grpc.keepalive_time_ms': 7 } });
    expect(channel.asked).toHaveLength(2);
  });
});

it('after destroy() holds no connection, no timer, and reports nothing', async () => {
  const [a] = ready('a');
  channel.list([a!, endpoint('b')], { config: { slowStartWindow: '10s' } });
  channel.list([a!, endpoint('b'), endpoint('c')], { config: { slowStartWindow: '10s' } });
  channel.at('c:1').ready();
  channel.list([endpoint('d')], { config: { slowStartWindow: '10s' } });
  const reports = channel.states.length;
  channel.policy.destroy();
  expect(['a:1', 'b:1', 'c:1', 'd:1'].map((address) => channel.at(address).refs)).toEqual([0, 0, 0, 0]);
  expect(channel.clock.fireNext(Infinity)).toBe(false);
  expect(channel.clock.runSoon()).toBe(false);
  for (const address of ['a:1', 'b:1', 'd:1']) channel.at(address).ready();
  await channel.clock.settle();
  expect(channel.states).toHaveLength(reports);
});

it('tells where it stands once more after each list, for outlier_detection to hear it with its new configuration', async () => {
  const [a] = ready('a');
  await channel.clock.settle();
  const reports = channel.states.length;
  channel.list([a!]);
  expect(channel.states).toHaveLength(reports);
  await channel.clock.settle();
  expect(channel.states).toHaveLength(reports + 1);
});

it('connects to the endpoints of its subset alone, and to no more when one leaves', () => {
  const listed = Array.from({ length: 50 }, (_, index) => endpoint(`e${index}`));
  const subset = { config: { subsetSize: 5, subsetKey: 'pod-7' } };
  channel.list(listed, subset);
  expect(channel.asked).toHaveLength(5);
  for (const { address } of channel.connected()) channel.at(address).ready();
  const [gone] = channel.calls(1);
  channel.list(
    listed.filter((_, index) => `e${index}:1` !== gone),
    subset,
  );
  expect(channel.asked).toHaveLength(6);
  // Nobody of weight 0 is chosen.
  channel.list(
    listed.map((_, index) => endpoint(`e${index}`, { weight: index < 2 ? 100 : 0 })),
    subset,
  );
  channel.at('e1:1').ready();
  expect(new Set(channel.connected())).toEqual(new Set([channel.at('e0:1'), channel.at('e1:1')]));
});
