import * as fc from 'fast-check';
import { toDuration, toMs } from '../../../src/core/duration.js';

describe('a duration', () => {
  it('is the same number of milliseconds when it comes back', () => {
    fc.assert(fc.property(fc.nat({ max: 24 * 60 * 60 * 1_000 }), (ms) => expect(toMs(toDuration(ms))).toBe(ms)));
    expect(toDuration(1_500)).toEqual({ seconds: 1n, nanos: 500_000_000 });
  });

  it('is rounded to whole milliseconds on its way out', () => {
    expect(toDuration(10_000.1)).toEqual({ seconds: 10n, nanos: 0 });
    expect(toDuration(1_999.6)).toEqual({ seconds: 2n, nanos: 0 });
  });

  it('drops what is finer than a millisecond', () => {
    expect(toMs({ seconds: 1n, nanos: 999_999 })).toBe(1_000);
    expect(toMs({ seconds: 0n, nanos: 1_999_999 })).toBe(1);
  });
});
