import * as fc from 'fast-check';
import { parseSelector } from '../../../src/cli/selector-syntax.js';
import { isRollcallError, type RollcallError } from '../../../src/core/errors.js';
import { Health } from '../../../src/gen/rollcall/v1/endpoint.js';
import { LabelRequirement_Operator as Operator } from '../../../src/gen/rollcall/v1/selector.js';

const { IN, NOT_IN, EXISTS, NOT_EXISTS } = Operator;

function failureOf(text: string): RollcallError {
  try {
    parseSelector(text);
  } catch (error) {
    if (isRollcallError(error)) return error;
    throw error;
  }
  throw new Error(`${text} should have been refused`);
}

describe('parseSelector', () => {
  it.each([
    ['canary', { key: 'canary', operator: EXISTS, values: [] }],
    ['!canary', { key: 'canary', operator: NOT_EXISTS, values: [] }],
    [' ! canary ', { key: 'canary', operator: NOT_EXISTS, values: [] }],
    ['version=v1', { key: 'version', operator: IN, values: ['v1'] }],
    ['version == v1', { key: 'version', operator: IN, values: ['v1'] }],
    ['version!=v1', { key: 'version', operator: NOT_IN, values: ['v1'] }],
    ['version in (v1)', { key: 'version', operator: IN, values: ['v1'] }],
    ['version in(v1,v2)', { key: 'version', operator: IN, values: ['v1', 'v2'] }],
    ['version notin ( v1 , v2 )', { key: 'version', operator: NOT_IN, values: ['v1', 'v2'] }],
    ['example.com/tier=a-b_c', { key: 'example.com/tier', operator: IN, values: ['a-b_c'] }],
    ['in in (in,notin)', { key: 'in', operator: IN, values: ['in', 'notin'] }],
    ['build="a, \\"b\\" \\\\ (c)"', { key: 'build', operator: IN, values: ['a, "b" \\ (c)'] }],
    ['build=""', { key: 'build', operator: IN, values: [''] }],
    ['"zone"=a', { key: 'zone', operator: IN, values: ['a'] }],
    ['!"health"', { key: 'health', operator: NOT_EXISTS, values: [] }],
  ])('reads %s', (text, requirement) => {
    expect(parseSelector(text)).toEqual({ labelRequirements: [requirement], health: [], zones: [] });
  });

  it.each(['', '   '])('reads %j as everything', (text) => {
    expect(parseSelector(text)).toEqual({ labelRequirements: [], health: [], zones: [] });
  });

  it('reads the endpoint’s own zone and health', () => {
    expect(parseSelector('zone=a')).toEqual({ labelRequirements: [], health: [], zones: ['a'] });
    expect(parseSelector('zone in (a,b),health in (healthy,DRAINING)')).toEqual({
      labelRequirements: [],
      health: [Health.HEALTHY, Health.DRAINING],
      zones: ['a', 'b'],
    });
  });

  it('reads several requirements', () => {
    expect(parseSelector('version in (v1,v2),!canary,zone=a')).toEqual({
      labelRequirements: [
        { key: 'version', operator: IN, values: ['v1', 'v2'] },
        { key: 'canary', operator: NOT_EXISTS, values: [] },
      ],
      health: [],
      zones: ['a'],
    });
  });

  it.each([
    ['version in v1', 12, 'expected (, not v1'],
    ['version in (v1', 15, 'expected a comma or ), not the end'],
    ['version in ()', 13, 'expected a value, not )'],
    ['version=', 9, 'expected a value, not the end'],
    ['version~v1', 8, '~ must be quoted'],
    ['version v1', 9, 'expected =, !=, in, notin, a comma or the end, not v1'],
    ['a=b c=d', 5, 'expected a comma or the end, not c'],
    ['a=b,', 5, 'expected a label, not the end'],
    [',a', 1, 'expected a label, not ,'],
    ['!a=b', 3, 'expected a comma or the end, not ='],
    ['a="b', 3, 'the quote is not closed'],
    ['a=ü', 3, 'ü must be quoted'],
    ['zone', 1, 'zone takes =, == or in; write "zone" for a label'],
    ['a,!zone', 4, 'zone takes =, == or in; write "zone" for a label'],
    ['zone!=a', 1, 'zone takes =, == or in; write "zone" for a label'],
    ['zone=a,zone=b', 8, 'zone is given twice; use zone in (…)'],
    ['health=well', 8, 'expected healthy, unhealthy, draining or suspect, not well'],
  ])('refuses %s at column %i', (text, column, description) => {
    const error = failureOf(text);
    expect(error.reason).toBe('INVALID_FIELD');
    expect(error.message).toBe(`--selector, column ${column}: ${description}`);
    expect(error.metadata).toEqual({ column: String(column), text });
  });

  it('reads any label and value that is quoted', () => {
    const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'binary' }), fc.string({ unit: 'binary' }), (key, value) => {
        expect(parseSelector(`${quoted(key)} != ${quoted(value)}`).labelRequirements).toEqual([
          { key, operator: NOT_IN, values: [value] },
        ]);
      }),
    );
  });

  it('reads or refuses any text, and does nothing else', () => {
    const unit = fc.constantFrom('a', 'b', '=', '!', ',', '(', ')', '"', '\\', ' ', 'in', 'zone', '~');
    fc.assert(
      fc.property(fc.string({ unit }), (text) => {
        try {
          return parseSelector(text).health.length === 0;
        } catch (error) {
          return isRollcallError(error, 'INVALID_FIELD');
        }
      }),
    );
  });
});
