import type { experimental } from '@grpc/grpc-js';
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

describe('endpoints that have left', () => {
  it('are called until one of those listed is ready', () => {
    ready('a', 'b');
    channel.list([endpoint('c'), endpoint('d')]);
    expect(channel.callsByAddress(10)).toEqual({ 'a:1': 5, 'b:1': 5 });
    channel.at('d:1').ready();
    expect(channel.callsByAddress(10)).toEqual({ 'd:1': 10 });
    expect([channel.at('a:1').refs, channel.at('b:1').refs]).toEqual([0, 0]);
    expect(channel.states).toEqual(['CONNECTING', 'READY']);
  });

  it('are called through further changes too', () => {
    ready('a');
    channel.list([endpoint('b')]);
    channel.list([endpoint('c')]);
    expect(channel.at('b:1').refs).toBe(0);
    expect(channel.calls(1)).toEqual(['a:1']);
    channel.list([]);
    expect(channel.state).toBe('TRANSIENT_FAILURE');
    expect(channel.at('a:1').refs).toBe(0);
  });

  it('are called with those that are ready, until as many are ready as are on their way', () => {
    ready('a', 'b');
    channel.list([endpoint('c'), endpoint('d'), endpoint('e'), endpoint('f')]);
    channel.at('c:1').ready();
    expect(channel.callsByAddress(30)).toEqual({ 'a:1': 10, 'b:1': 10, 'c:1': 10 });
    // Those that fail are not waited for.
    channel.at('f:1').refused();
    expect(channel.callsByAddress(30)).toHaveProperty(['a:1']);
    channel.at('d:1').ready();
    expect(channel.callsByAddress(30)).toEqual({ 'c:1': 15, 'd:1': 15 });
    expect([channel.at('a:1').refs, channel.at('b:1').refs]).toEqual([0, 0]);
  });

  it('are called for 5 s at most where another is ready', async () => {
    ready('a');
    channel.list(['b', 'c', 'd', 'e'].map((id) => endpoint(id)));
    channel.at('b:1').ready();
    await channel.clock.advance(4_999);
    expect(channel.callsByAddress(10)).toEqual({ 'a:1': 5, 'b:1': 5 });
    await channel.clock.advance(1);
    expect(channel.callsByAddress(10)).toEqual({ 'b:1': 10 });
    expect(channel.at('a:1').refs).toBe(0);
  });

  it('are gone at once where another is ready', () => {
    const [a] = ready('a', 'b');
    channel.list([a!]);
    expect(channel.at('b:1').refs).toBe(0);
  });

  it('are not connected to again', () => {
    ready('a');
    channel.list([endpoint('b')]);
    channel.at('a:1').lost();
    expect(channel.at('a:1').refs).toBe(0);
    expect(channel.state).toBe('CONNECTING');
  });

  it('and come back use their old connection, as new children', () => {
    const [a] = ready('a');
    channel.list([endpoint('b')]);
    channel.list([a!, endpoint('b')]);
    // Asked for a, b and a again: outlier_detection must see it asked, having forgotten what it knew of a.
    expect(channel.asked).toHaveLength(3);
    expect(channel.calls(1)).toEqual(['a:1']);
    expect(channel.at('a:1').refs).toBe(1);
  });

  it('while they were being connected to are heard of no more', () => {
    jest.useFakeTimers();
    try {
      channel = new ScriptedChannel();
      channel.list([endpoint('slow'), endpoint('a')]);
      channel.at('a:1').ready();
      channel.list([endpoint('a')]);
      // grpc-js tries the next address after 250 ms, and does not forget it when it is told to stop.
      jest.advanceTimersByTime(1_000);
      expect(channel.at('slow:1').refs).toBe(0);
      expect(channel.reresolutions).toBe(0);
      expect(new Set(channel.states)).toEqual(new Set(['CONNECTING', 'READY']));
      expect(channel.state).toBe('READY');
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('endpoints that are ready and get the weight 0', () => {
  it.each([
    ['refuses', () => channel.at('b:1').refused()],
    ['accepts and says nothing', () => channel.at('b:1').connecting()],
  ])('are called until another is ready, also where that one first %s', async (_how, happens) => {
    ready('a');
    channel.list([endpoint('a', { weight: 0 }), endpoint('b')]);
    happens();
    await channel.clock.advance(10_000);
    expect(channel.state).toBe('READY');
    expect(channel.callsByAddress(4)).toEqual({ 'a:1': 4 });
    channel.list([endpoint('a', { weight: 0 }), endpoint('b', { weight: 7 })]);
    expect(channel.callsByAddress(4)).toEqual({ 'a:1': 4 });
    channel.at('b:1').ready();
    expect(channel.callsByAddress(4)).toEqual({ 'b:1': 4 });
    // Its connection is kept for the day when it has a weight again.
    expect(channel.at('a:1').refs).toBe(1);
    channel.list([endpoint('a'), endpoint('b')]);
    expect(channel.callsByAddress(4)).toEqual({ 'a:1': 2, 'b:1': 2 });
  });

  it('are called no more where another is ready', () => {
    ready('a', 'b');
    channel.list([endpoint('a', { weight: 0 }), endpoint('b'), endpoint('c'), endpoint('d')]);
    expect(channel.callsByAddress(4)).toEqual({ 'b:1': 4 });
  });

  it('and are lost are not called again', () => {
    ready('a');
    channel.list([endpoint('a', { weight: 0 }), endpoint('b')]);
    channel.at('a:1').lost();
    channel.at('a:1').ready();
    expect(channel.state).toBe('CONNECTING');
    channel.at('b:1').refused();
    expect(channel.state).toBe('TRANSIENT_FAILURE');
  });
});
