import fc from 'fast-check';
import { withAttributes } from '../../../src/balancer/endpoint-attributes.js';
import { listedEndpoints, type ListedEndpoint } from '../../../src/balancer/listed-endpoint.js';
import { needed, Subset } from '../../../src/balancer/subset.js';

const SIZE = 20;

function endpoints(count: number, zoneOf: (index: number) => string = () => ''): readonly ListedEndpoint[] {
  return listedEndpoints(
    Array.from({ length: count }, (_, index) =>
      withAttributes([{ host: '10.0.0.1', port: index + 1 }], { id: `e-${index}`, weight: 100, zone: zoneOf(index) }),
    ),
  );
}

const choose = (subset: Subset, listed: readonly ListedEndpoint[], zone = '') =>
  new Set(subset.candidates(listed, { size: SIZE, zone }).slice(0, SIZE));

it('takes all where there are no more than the size', () => {
  const listed = endpoints(SIZE);
  expect(choose(new Subset('key'), listed)).toEqual(new Set(listed));
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

it('has half of those that stand in from elsewhere, and all where the zone has no more', () => {
  const zonesOf = (near: number, size: number) => {
    const listed = endpoints(100, (index) => (index < near ? 'near' : 'far'));
    return new Subset('pod-7')
      .candidates(listed, { size, zone: 'near' })
      .map(({ zone }) => zone[0])
      .join('');
  };
  expect(zonesOf(50, 4)).toBe('nnnnnnff');
  expect(zonesOf(50, 1)).toBe('nf');
  expect(zonesOf(3, 4)).toBe('nnnfffff');
  expect(zonesOf(100, 2)).toBe('nnnn');
});

it('has of a list whatever fails in it as many that do not as it can, and one that leaves moves one connection', () => {
  const all = endpoints(40, (index) => (index % 3 === 0 ? 'near' : 'far'));
  const cases = fc.record({
    listed: fc.subarray([...all], { minLength: 1 }),
    failing: fc.subarray([...all]),
    size: fc.integer({ min: 1, max: 12 }),
    zone: fc.constantFrom('', 'near', 'nowhere'),
    leaver: fc.nat(),
  });
  const subset = new Subset('pod-7');
  fc.assert(
    fc.property(cases, ({ listed, failing, size, zone, leaver }) => {
      const fails = (one: ListedEndpoint) => failing.includes(one);
      const connected = (list: readonly ListedEndpoint[], known: typeof fails) => [
        ...needed(subset.candidates(list, { size, zone }), size, known),
      ];
      const before = connected(listed, fails);
      const sound = before.filter((one) => !fails(one)).length;
      expect(before.length).toBeLessThanOrEqual(2 * size);
      const complete = sound === size && !fails(before.at(-1)!);
      const exhausted = sound < size && before.length === Math.min(2 * size, listed.length);
      expect(complete || exhausted).toBe(true);

      const gone = listed[leaver % listed.length]!;
      // Of one that was not connected to before, nobody knows yet.
      const after = connected(
        listed.filter((one) => one !== gone),
        (one) => fails(one) && before.includes(one),
      );
      expect(after.filter((one) => !before.includes(one)).length).toBeLessThanOrEqual(before.includes(gone) ? 1 : 0);
    }),
    { numRuns: 2_000 },
  );
});
