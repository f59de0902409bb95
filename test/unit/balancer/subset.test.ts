import { withAttributes } from '../../../src/balancer/endpoint-attributes.js';
import { listedEndpoints, type ListedEndpoint } from '../../../src/balancer/listed-endpoint.js';
import { Subset } from '../../../src/balancer/subset.js';

const SIZE = 20;

function endpoints(count: number, zoneOf: (index: number) => string = () => ''): readonly ListedEndpoint[] {
  return listedEndpoints(
    Array.from({ length: count }, (_, index) =>
      withAttributes([{ host: '10.0.0.1', port: index + 1 }], { id: `e-${index}`, weight: 100, zone: zoneOf(index) }),
    ),
  );
}

const choose = (subset: Subset, listed: readonly ListedEndpoint[], zone = '') =>
  new Set(subset.choose(listed, { size: SIZE, zone }));

it('takes all where there are no more than the size', () => {
  const listed = endpoints(SIZE);
  expect(new Subset('key').choose(listed, { size: SIZE, zone: '' })).toEqual(listed);
});

it('is the same for the same key, in any process and whatever the order of the list', () => {
  const listed = endpoints(1_000);
  const chosen = choose(new Subset('pod-7'), listed);
  expect(chosen.size).toBe(SIZE);
  expect(choose(new Subset('pod-7'), listed.toReversed())).toEqual(chosen);
  expect(choose(new Subset('pod-8'), listed)).not.toEqual(chosen);
  // Written down, since a later version must choose no other.
  expect([...chosen].map(({ id }) => id).slice(0, 3)).toEqual(['e-635', 'e-537', 'e-4']);
});

it('moves at most one connection when one of a thousand leaves, and when it comes back', () => {
  const listed = endpoints(1_000);
  const subset = new Subset('pod-7');
  const before = choose(subset, listed);
  let moved = 0;
  for (const leaver of [...before, ...listed.filter((one) => !before.has(one)).slice(0, 200)]) {
    const after = choose(
      subset,
      listed.filter((one) => one !== leaver),
    );
    const lost = [...before].filter((one) => !after.has(one));
    expect(lost).toEqual(before.has(leaver) ? [leaver] : []);
    expect([...after].filter((one) => !before.has(one))).toHaveLength(lost.length);
    moved += lost.length;
  }
  expect(moved).toBe(SIZE);
});

it('spreads the processes evenly', () => {
  const listed = endpoints(200);
  const chosenBy = new Map<ListedEndpoint, number>();
  for (let process = 0; process < 1_000; process++) {
    for (const one of choose(new Subset(`process-${process}`), listed)) chosenBy.set(one, (chosenBy.get(one) ?? 0) + 1);
  }
  // 100 on average, with a deviation of 9.5.
  const counts = listed.map((one) => chosenBy.get(one) ?? 0);
  expect(Math.min(...counts)).toBeGreaterThan(55);
  expect(Math.max(...counts)).toBeLessThan(145);
});

it('takes those of the own zone first', () => {
  const listed = endpoints(1_000, (index) => (index < 8 ? 'near' : 'far'));
  const chosen = choose(new Subset('pod-7'), listed, 'near');
  expect(chosen.size).toBe(SIZE);
  expect([...chosen].filter(({ zone }) => zone === 'near')).toHaveLength(8);
  const manyNear = endpoints(1_000, (index) => (index < 500 ? 'near' : 'far'));
  expect([...choose(new Subset('pod-7'), manyNear, 'near')].every(({ zone }) => zone === 'near')).toBe(true);
});
