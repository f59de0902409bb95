import fc from 'fast-check';
import { Schedule, type Callee } from '../../../src/balancer/schedule.js';
import { zoneShare } from '../../../src/balancer/zone-share.js';

const START = { inZone: 0, elsewhere: 0, zoneCredit: 0 };
const near = (weight = 100): Callee => ({ weight, inZone: true, credit: 0 });
const far = (weight = 100): Callee => ({ weight, inZone: false, credit: 0 });

function stays(callees: readonly Callee[], zoneEndpointsMin: number, calls = 1_000): number {
  const schedule = new Schedule(callees, zoneEndpointsMin, START);
  return Array.from({ length: calls }, () => schedule.next()).filter(({ inZone }) => inZone).length / calls;
}

it.each([
  ['as many as wanted', { inZone: 2, elsewhere: 5, zoneEndpointsMin: 2 }, 1],
  ['more', { inZone: 9, elsewhere: 5, zoneEndpointsMin: 2 }, 1],
  ['half of them', { inZone: 1, elsewhere: 5, zoneEndpointsMin: 2 }, 0.5],
  ['none', { inZone: 0, elsewhere: 5, zoneEndpointsMin: 2 }, 0],
  ['too few, but nobody else is there', { inZone: 1, elsewhere: 0, zoneEndpointsMin: 5 }, 1],
])('a zone with %s keeps its share', (_case, counts, share) => expect(zoneShare(counts)).toBe(share));

it('keeps all calls in a zone that has enough', () => {
  expect(stays([near(), far(), near(), far()], 2)).toBe(1);
});

it('spills over what the zone lacks, call by call', () => {
  expect(stays([near(), far(), far()], 2)).toBe(0.5);
  expect(stays([near(), near(), far()], 3, 999)).toBeCloseTo(2 / 3, 2);
  const schedule = new Schedule([near(), far()], 2, START);
  expect(Array.from({ length: 6 }, () => schedule.next().inZone)).toEqual([false, true, false, true, false, true]);
});

it('spills over by weight', () => {
  const heavy = far(300);
  const light = far(100);
  const schedule = new Schedule([near(), heavy, light], 2, START);
  const order = Array.from({ length: 800 }, () => schedule.next());
  expect(order.filter((callee) => callee === heavy)).toHaveLength(300);
  expect(order.filter((callee) => callee === light)).toHaveLength(100);
});

it('goes elsewhere when nobody is in the zone, and stays when nobody is elsewhere', () => {
  expect(stays([far(), far()], 2)).toBe(0);
  expect(stays([near()], 5)).toBe(1);
});

it('calls everybody, and goes on where the one before it stood', () => {
  const callees = fc.array(
    fc.record({ weight: fc.integer({ min: 1, max: 100 }), inZone: fc.boolean(), credit: fc.constant(0) }),
    {
      minLength: 1,
      maxLength: 12,
    },
  );
  fc.assert(
    fc.property(callees, fc.integer({ min: 1, max: 12 }), (list, zoneEndpointsMin) => {
      let position: Schedule<Callee>['position'] = START;
      const share = zoneShare({
        inZone: list.filter(({ inZone }) => inZone).length,
        elsewhere: list.filter(({ inZone }) => !inZone).length,
        zoneEndpointsMin,
      });
      let stayed = 0;
      for (let call = 0; call < 500; call++) {
        const schedule = new Schedule(list, zoneEndpointsMin, position);
        if (schedule.next().inZone) stayed++;
        ({ position } = schedule);
      }
      expect(Math.abs(stayed - 500 * share)).toBeLessThanOrEqual(1.001);
    }),
  );
});
