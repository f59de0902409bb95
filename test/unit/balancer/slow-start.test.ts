import { rampShare } from '../../../src/balancer/slow-start.js';
import { endpoint, ScriptedChannel } from './scripted-channel.js';

let channel: ScriptedChannel;
beforeEach(() => {
  channel = new ScriptedChannel();
});
afterEach(() => channel.policy.destroy());

const config = { slowStartWindow: '10s' };
const ramping = { config };
const [a, b, c] = [endpoint('a'), endpoint('b'), endpoint('c')] as const;

/** The share of `address` in the next 440 calls. */
const shareOf = (address: string) => (channel.callsByAddress(440)[address] ?? 0) / 440;

it.each([
  [0, 0.1],
  [2_500, 0.325],
  [5_000, 0.55],
  [10_000, 1],
  [99_000, 1],
])('after %i ms of 10 s an endpoint has %d of its weight', (elapsedMs, share) => {
  expect(rampShare(elapsedMs, 10_000)).toBeCloseTo(share, 6);
});

it('spares nobody of a first list, nor of one that follows an empty list', () => {
  channel.list([a, b], ramping);
  channel.at('a:1').ready();
  channel.at('b:1').ready();
  expect(shareOf('b:1')).toBeCloseTo(0.5, 2);
  channel.list([], ramping);
  channel.list([a, c], ramping);
  channel.at('c:1').ready();
  expect(shareOf('c:1')).toBeCloseTo(0.5, 2);
});

it('lets a new endpoint grow from 10 % to its full share, from when it became ready', async () => {
  channel.list([a], ramping);
  channel.at('a:1').ready();
  channel.list([a, b], ramping);
  await channel.clock.advance(60_000);
  channel.at('b:1').ready();
  expect(shareOf('b:1')).toBeCloseTo(0.1 / 1.1, 2);
  await channel.clock.advance(5_000);
  expect(shareOf('b:1')).toBeCloseTo(0.55 / 1.55, 2);
  await channel.clock.advance(5_000);
  expect(shareOf('b:1')).toBeCloseTo(0.5, 2);
});

it('has a timer only while somebody grows', async () => {
  channel.list([a], ramping);
  channel.at('a:1').ready();
  expect(channel.clock.fireNext(Infinity)).toBe(false);
  channel.list([a, b], ramping);
  channel.at('b:1').ready();
  expect(channel.clock.fireNext(500)).toBe(true);
  await channel.clock.advance(10_000);
  expect(channel.clock.fireNext(Infinity)).toBe(false);
  channel.list([a, b, c], ramping);
  channel.at('c:1').ready();
  channel.list([a, b], ramping);
  expect(channel.clock.fireNext(Infinity)).toBe(false);
});

it('begins no second time when a connection is lost', async () => {
  channel.list([a], ramping);
  channel.at('a:1').ready();
  channel.list([a, b], ramping);
  channel.at('b:1').ready();
  await channel.clock.advance(10_000);
  channel.at('b:1').lost();
  channel.at('b:1').ready();
  expect(shareOf('b:1')).toBeCloseTo(0.5, 2);
});

it('ends when the configuration ends it', () => {
  channel.list([a], ramping);
  channel.at('a:1').ready();
  channel.list([a, b], ramping);
  channel.at('b:1').ready();
  channel.list([a, b]);
  expect(shareOf('b:1')).toBeCloseTo(0.5, 2);
  expect(channel.clock.fireNext(Infinity)).toBe(false);
});

it('spares nobody who was listed but is new to the subset', () => {
  const listed = [a, b, c];
  channel.list(listed, { config: { ...config, subsetSize: 2 } });
  for (const { address } of channel.connected()) channel.at(address).ready();
  const [first] = channel.calls(1);
  channel.list(
    listed.filter((_, index) => `${'abc'[index]}:1` !== first),
    { config: { ...config, subsetSize: 2 } },
  );
  const [one, other] = channel.connected().map(({ address }) => address);
  channel.at(one!).ready();
  channel.at(other!).ready();
  expect(shareOf(one!)).toBeCloseTo(0.5, 2);
});
