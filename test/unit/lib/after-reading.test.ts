import { afterReading } from '../../../src/lib/after-reading.js';
import { FakeClock } from '../../support/fake-clock.js';

describe('afterReading', () => {
  it('calls after the delay, and after what had arrived by then', async () => {
    const clock = new FakeClock({ soonByItself: false });
    let calls = 0;
    afterReading(clock, 1_000, () => void calls++);
    clock.fireNext(1_000);
    expect(calls).toBe(0);
    await clock.settle();
    expect(calls).toBe(1);
  });

  it.each([999, 1_000])('can be cancelled after %i ms', async (ms) => {
    const clock = new FakeClock({ soonByItself: false });
    let calls = 0;
    const timer = afterReading(clock, 1_000, () => void calls++);
    clock.fireNext(ms);
    timer.cancel();
    await clock.advance(2_000);
    expect(calls).toBe(0);
  });
});
