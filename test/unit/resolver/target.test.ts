import { isRollcallError } from '../../../src/core/errors.js';
import { LabelRequirement_Operator } from '../../../src/gen/rollcall/v1/selector.js';
import { parseTarget, whereOf } from '../../../src/resolver/target.js';

/** As grpc-js splits a target before it asks a resolver. */
function parse(target: string) {
  const [, scheme = '', authority, path = ''] = /^(?:([A-Za-z0-9+.-]+):)?(?:\/\/([^/]*)\/)?(.+)$/.exec(target) ?? [];
  return parseTarget(authority === undefined ? { scheme, path } : { scheme, authority, path });
}

const IN = LabelRequirement_Operator.IN;

describe('a target', () => {
  it.each(['rollcall:///payments', 'rollcall:payments'])('%s names a service, and the client of no name', (target) => {
    expect(parse(target)).toEqual({ authority: '', service: 'payments', namespace: undefined, selector: undefined });
  });

  it('names a client', () => {
    expect(parse('rollcall://eu/acme.Payments_v2')).toMatchObject({ authority: 'eu', service: 'acme.Payments_v2' });
  });

  it('names a namespace, zones and labels; what is repeated matches any of its values', () => {
    const target =
      'rollcall:///payments?label.version=v2&zone=a&label.tier=gold&zone=b&label.version=v3&namespace=shop';
    expect(parse(target)).toEqual({
      authority: '',
      service: 'payments',
      namespace: 'shop',
      selector: {
        zones: ['a', 'b'],
        health: [],
        labelRequirements: [
          { key: 'version', operator: IN, values: ['v2', 'v3'] },
          { key: 'tier', operator: IN, values: ['gold'] },
        ],
      },
    });
  });

  it.each(['rollcall:///payments?', 'rollcall:///payments?namespace=shop'])('%s has no selector', (target) => {
    expect(parse(target).selector).toBeUndefined();
  });

  it('may be written with percent escapes', () => {
    const { service, selector } = parse('rollcall:///p%61yments?label.a%2Fb=1%262%25&label.c=d+e%3Df');
    expect(service).toBe('payments');
    expect(selector?.labelRequirements).toEqual([
      { key: 'a/b', operator: IN, values: ['1&2%'] },
      { key: 'c', operator: IN, values: ['d+e=f'] },
    ]);
  });

  it('may ask for a label to be empty', () => {
    expect(parse('rollcall:///a?label.canary=').selector?.labelRequirements).toEqual([
      { key: 'canary', operator: IN, values: [''] },
    ]);
  });

  it.each([
    // nice-grpc appends a port to what has no slashes.
    ['rollcall:payments:80', 'target', 'not "rollcall:payments:80"; write rollcall:///payments'],
    ['rollcall:///payments:7400?zone=a', 'target', 'write rollcall:///payments?zone=a'],
    ['rollcall://payments', 'target', 'not "rollcall://payments"; write rollcall:///payments'],
    ['rollcall:/payments', 'target', 'not "rollcall:/payments"; write rollcall:///payments'],
    ['rollcall:////payments', 'target', 'not "rollcall:////payments"; write rollcall:///payments'],
    ['rollcall:///payments:80/', 'target', 'write rollcall:///payments'],
    ['rollcall://eu/payments/', 'target', 'not "rollcall://eu/payments/"; write rollcall://eu/payments'],
    ['rollcall:///', 'target', 'write rollcall:///SERVICE'],
    ['rollcall:///?zone=a', 'target.service', 'is required'],
    ['rollcall:///pay ments', 'target.service', 'letters'],
    ['rollcall:///pay%2Fments', 'target.service', 'letters'],
    ['rollcall:///-payments', 'target.service', 'beginning'],
    ['rollcall:///payments#a', 'target.service', 'letters'],
    ['rollcall:///payments,orders', 'target.service', 'letters'],
    [`rollcall:///${'a'.repeat(254)}`, 'target.service', '253'],
    ['rollcall:///pay%', 'target.service', '%'],
    ['rollcall:///pay%zz', 'target.service', '%'],
    ['rollcall:///pay%ff', 'target.service', '%'],
    ['rollcall:///a?zones=a', 'target.zones', 'is not known'],
    ['rollcall:///a?Zone=a', 'target.Zone', 'is not known'],
    ['rollcall:///a?zone', 'target.zone', 'must not be empty'],
    ['rollcall:///a?zone=', 'target.zone', 'must not be empty'],
    ['rollcall:///a?zone=a&zone=', 'target.zone', 'must not be empty'],
    ['rollcall:///a?zone=a/b', 'target.selector.zones[0]', 'letters'],
    ['rollcall:///a?label=b', 'target.label', 'is not known'],
    ['rollcall:///a?label.=b', 'target.selector.label_requirements[0].key', 'is required'],
    ['rollcall:///a?label.-=b', 'target.selector.label_requirements[0].key', 'letters'],
    [`rollcall:///a?label.b=${'c'.repeat(256)}`, 'target.selector.label_requirements[0].values[0]', '255'],
    ['rollcall:///a?namespace=', 'target.namespace', 'is required'],
    ['rollcall:///a?namespace=Shop', 'target.namespace', 'lower-case'],
    ['rollcall:///a?namespace=a&namespace=a', 'target.namespace', 'must not be repeated'],
  ])('%s is refused', (target, field, says) => {
    const error = errorOf(() => parse(target));
    expect(isRollcallError(error, 'INVALID_FIELD') && error.violations).toEqual([
      { field, description: expect.stringContaining(says) },
    ]);
  });

  it('is told all that is wrong with it at once', () => {
    const error = errorOf(() => parse('rollcall:///-?zone=&colour=red&namespace=A'));
    const fields = isRollcallError(error) ? error.violations.map(({ field }) => field) : [];
    expect(fields).toEqual(['target.service', 'target.zone', 'target.colour', 'target.namespace']);
  });
});

describe('what a message says of a target', () => {
  it.each([
    ['rollcall:///payments', 'in namespace default'],
    ['rollcall:///payments?namespace=shop&zone=a&zone=b', 'in namespace shop with zone a or b'],
    [
      'rollcall:///payments?zone=a&label.version=v2&label.tier=',
      'in namespace default with zone a and label version=v2 and label tier=',
    ],
  ])('of %s is where it looks: %s', (target, where) => {
    expect(whereOf(parse(target), 'default')).toBe(where);
  });
});

function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
