import * as fc from 'fast-check';
import { formatDurationText, parseDurationText } from '../../../src/lib/duration-text.js';

describe('a duration as text', () => {
  it.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['1.5m', 90_000],
    ['1h', 3_600_000],
    ['2d', 172_800_000],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDurationText(text)).toBe(ms);
  });

  it.each(['', '10', 's', '-1s', '1e3s', '1 s', ' 1s', '1s ', '.5s', '1.s', '1w', '1m30s', 'Infinitys'])(
    'is not %j',
    (text) => {
      expect(parseDurationText(text)).toBeUndefined();
    },
  );

  it('reads back as it was, and is written in the largest unit that is exact', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 40 }), (ms) => {
        expect(parseDurationText(formatDurationText(ms))).toBe(ms);
      }),
    );
    expect([90_000, 86_400_000, 1_001, 0].map(formatDurationText)).toEqual(['90s', '1d', '1001ms', '0ms']);
  });
});
