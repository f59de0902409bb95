import { fullJitterMs } from '../../../src/lib/backoff.js';

describe('fullJitterMs', () => {
  const policy = { baseMs: 100, maxMs: 1_000 };

  it('draws from the whole interval, whose end doubles with each failure', () => {
    expect(fullJitterMs(policy, 0, 0)).toBe(0);
    expect(fullJitterMs(policy, 0, 0.5)).toBe(50);
    expect(fullJitterMs(policy, 2, 0.5)).toBe(200);
  });

  it('never draws from beyond the maximum, however many failures there were', () => {
    expect(fullJitterMs(policy, 10, 0.5)).toBe(500);
    expect(fullJitterMs(policy, 100_000, 0.5)).toBe(500);
  });
});
