import { parseBalancerConfig } from '../../../src/balancer/balancer-config.js';
import { isRollcallError } from '../../../src/core/errors.js';

function fieldsRefused(json: unknown): readonly string[] {
  try {
    parseBalancerConfig(json);
  } catch (error) {
    if (!isRollcallError(error, 'INVALID_FIELD')) throw error;
    return error.violations.map(({ field }) => field);
  }
  return [];
}

it('has a default for everything', () => {
  expect(parseBalancerConfig({})).toEqual({
    zone: '',
    zoneEndpointsMin: 2,
    subsetSize: undefined,
    subsetKey: undefined,
    slowStartWindowMs: 0,
  });
});

it('takes everything that is given', () => {
  const json = { zone: 'eu-1a', zoneEndpointsMin: 3, subsetSize: 20, subsetKey: 'pod-7', slowStartWindow: '30s' };
  expect(parseBalancerConfig(json)).toEqual({
    zone: 'eu-1a',
    zoneEndpointsMin: 3,
    subsetSize: 20,
    subsetKey: 'pod-7',
    slowStartWindowMs: 30_000,
  });
});

it.each([
  ['0s', 0],
  ['1.5s', 1_500],
  ['0.000000001s', 0.000001],
  ['3600s', 3_600_000],
])('reads the duration %s', (slowStartWindow, slowStartWindowMs) => {
  expect(parseBalancerConfig({ slowStartWindow })).toMatchObject({ slowStartWindowMs });
});

it.each<[unknown]>([
  ['30'],
  ['30 s'],
  ['1m'],
  ['-1s'],
  ['.5s'],
  ['0.0000000001s'],
  ['3601s'],
  [30],
  [{ seconds: 30 }],
  [''],
])('refuses the duration %p', (slowStartWindow) =>
  expect(fieldsRefused({ slowStartWindow })).toEqual(['slowStartWindow']),
);

it.each<[string, unknown]>([
  ['zone', 7],
  ['zone', null],
  ['zone', 'z'.repeat(64)],
  ['zoneEndpointsMin', 0],
  ['zoneEndpointsMin', 1.5],
  ['zoneEndpointsMin', '2'],
  ['zoneEndpointsMin', 1_000_001],
  ['subsetSize', 0],
  ['subsetSize', -1],
  ['subsetSize', NaN],
  ['subsetSize', Infinity],
  ['subsetKey', 7],
  ['subsetKey', 'k'.repeat(1_025)],
  ['zoneEndpointMin', 2],
  ['__proto', {}],
])('refuses %s: %p, and names the field', (field, value) => expect(fieldsRefused({ [field]: value })).toEqual([field]));

it.each<[unknown]>([[undefined], [null], ['rollcall'], [[]], [7]])('refuses %p for a configuration', (json) =>
  expect(fieldsRefused(json)).toEqual(['rollcall']),
);

it('names everything that is wrong at once', () => {
  expect(fieldsRefused({ zone: 7, subsetSize: 0, slowStart: '30s' })).toEqual(['slowStart', 'zone', 'subsetSize']);
});
