import fc from 'fast-check';
import { initialCredit, rotationOf } from '../../../src/balancer/rotation.js';

interface Entry {
  readonly index: number;
  readonly weight: number;
  credit: number;
}

const entries = (weights: readonly number[]): readonly Entry[] =>
  weights.map((weight, index) => ({ index, weight, credit: initialCredit(index) }));

function take(weights: readonly number[], calls: number, position = 0): readonly number[] {
  const rotation = rotationOf(entries(weights), position);
  return Array.from({ length: calls }, () => rotation.next().index);
}

function counts(order: readonly number[], length: number): readonly number[] {
  const found = Array.from({ length }, () => 0);
  for (const index of order) found[index]!++;
  return found;
}

const weightLists = fc.array(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: 30 });
const positions = fc.integer({ min: 0, max: 2 ** 31 });

it('takes turns where weights are equal, from its position on', () => {
  expect(take([7, 7, 7], 7, 4)).toEqual([1, 2, 0, 1, 2, 0, 1]);
});

it('shares 5:3:2 within one call in any hundred', () => {
  const order = take([5, 3, 2], 1_000);
  for (let start = 0; start <= 900; start += 7) {
    const [a, b, c] = counts(order.slice(start, start + 100), 3);
    expect(Math.abs(a! - 50)).toBeLessThanOrEqual(1);
    expect(Math.abs(b! - 30)).toBeLessThanOrEqual(1);
    expect(Math.abs(c! - 20)).toBeLessThanOrEqual(1);
  }
});

it('gives each its share of any stretch, but for two calls', () => {
  fc.assert(
    fc.property(weightLists, positions, fc.integer({ min: 1, max: 2_000 }), (weights, position, calls) => {
      const heaviest = Math.max(...weights);
      const found = counts(take(weights, calls, position), weights.length);
      // How many rounds of the list that was: the heaviest is taken once in each.
      const rounds = found[weights.indexOf(heaviest)]!;
      for (const [index, weight] of weights.entries()) {
        expect(Math.abs(found[index]! - (rounds * weight) / heaviest)).toBeLessThanOrEqual(2);
      }
    }),
  );
});

it('has calls of one index lie apart', () => {
  const order = take([50, 10, 10, 10, 10, 10], 600);
  // Half of the calls are for index 0: never more than a few of them follow each other.
  const runs = order
    .join('')
    .match(/0+/g)!
    .map((run) => run.length);
  expect(Math.max(...runs)).toBeLessThanOrEqual(3);
});

it('spreads equal light weights beside a heavy one over the rounds', () => {
  const weights = [100, ...Array.from({ length: 50 }, () => 1)];
  const order = take(weights, 1_500);
  for (let start = 0; start < 1_500; start += 150) {
    const light = order.slice(start, start + 150).filter((index) => index > 0).length;
    expect(light).toBeGreaterThanOrEqual(30);
    expect(light).toBeLessThanOrEqual(70);
  }
});

it.each([1, 2, 3, 7])('is the same order where the list is made anew after every %i calls', (callsBetween) => {
  const weights = [3, 1, 2];
  const list = entries(weights);
  const order: number[] = [];
  let position = 5;
  while (order.length < 210) {
    const rotation = rotationOf(list, position);
    for (let call = 0; call < callsBetween; call++) order.push(rotation.next().index);
    ({ position } = rotation);
  }
  expect(order).toEqual(take(weights, order.length, 5));
});

it('leaves nobody out where a list of equals grows and shrinks after every call', () => {
  const list = entries([1, 1]);
  const found = [0, 0];
  let position = 0;
  for (let call = 0; call < 400; call++) {
    const rotation = rotationOf(list.slice(0, 1 + (call % 2)), position);
    found[rotation.next().index]!++;
    ({ position } = rotation);
  }
  expect(found[1]).toBeGreaterThan(90);
});
