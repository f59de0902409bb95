import { systemClock } from '../../../src/lib/clock.js';
import { sleep } from '../../../src/lib/sleep.js';

const AN_HOUR_MS = 3_600_000;

describe('sleep', () => {
  it('ends after its delay', async () => {
    const startMs = systemClock.monotonicMs();
    await sleep(systemClock, 20, new AbortController().signal);
    // Timers of Node round to whole milliseconds.
    expect(systemClock.monotonicMs() - startMs).toBeGreaterThanOrEqual(19);
  });

  it('ends at once with the reason of its signal, also when that was aborted before', async () => {
    const controller = new AbortController();
    const sleeping = sleep(systemClock, AN_HOUR_MS, controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    await expect(sleep(systemClock, AN_HOUR_MS, controller.signal)).rejects.toThrow('enough');
  });
});
