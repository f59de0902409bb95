import { RunningClock, TICK_MS } from '../../../../src/store/embedded/running-clock.js';
import { FakeClock } from '../../../support/fake-clock.js';

function start() {
  const clock = new FakeClock();
  const ticks: boolean[] = [];
  const running = new RunningClock(clock, (restarted) => ticks.push(restarted));
  return { clock, running, ticks };
}

describe('the running clock', () => {
  it('goes with the monotonic clock while the process runs', async () => {
    const { clock, running, ticks } = start();
    await clock.advance(1_234);
    expect(running.nowMs()).toBe(1_234);
    expect(ticks).toEqual(Array.from({ length: 12 }, () => false));
  });

  it('leaves out the time in which the process was stopped, but for the tick that was running', async () => {
    const { clock, running } = start();
    await clock.advance(1_000);
    clock.stall(700);
    await clock.advance(TICK_MS);
    expect(running.nowMs()).toBeGreaterThanOrEqual(1_000);
    expect(running.nowMs()).toBeLessThanOrEqual(1_000 + 2 * TICK_MS);
    expect(clock.monotonicMs()).toBe(1_800);
  });

  it('leaves out as well the time in which the process was too busy to look', async () => {
    const { clock, running } = start();
    await clock.advance(1_000);
    clock.spend(5_000);
    await clock.advance(TICK_MS);
    expect(running.nowMs()).toBeLessThanOrEqual(1_000 + 2 * TICK_MS);
  });

  it('leaves out a stall already before the tick that notices it', async () => {
    const { clock, running } = start();
    await clock.advance(1_040);
    clock.stall(5_000);
    expect(running.nowMs()).toBe(1_000 + TICK_MS);
    await clock.advance(0);
    expect(running.nowMs()).toBe(1_000 + TICK_MS);
  });

  it('takes a stall of a second or more for a restart, and a shorter one not', async () => {
    const { clock, ticks } = start();
    clock.stall(1_000);
    await clock.advance(0);
    clock.stall(1_000 + TICK_MS);
    await clock.advance(0);
    expect(ticks).toEqual([false, true]);
  });

  it('does not credit ordinary lateness', async () => {
    const { clock, running } = start();
    for (let count = 0; count < 10; count++) {
      clock.stall(TICK_MS + 50);
      await clock.advance(0);
    }
    expect(running.nowMs()).toBe(10 * (TICK_MS + 50));
    clock.stall(TICK_MS + 51);
    await clock.advance(0);
    expect(running.nowMs()).toBe(11 * TICK_MS + 10 * 50);
  });

  it('never goes back from one tick to the next', async () => {
    const clock = new FakeClock();
    const seen: number[] = [];
    const running: RunningClock = new RunningClock(clock, () => seen.push(running.nowMs()));
    for (const stallMs of [0, 30, 60, 99, 149, 151, 1_000, 20_000, 10, 500]) {
      clock.stall(stallMs);
      await clock.advance(250);
    }
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it('stands when it is stopped', async () => {
    const { clock, running, ticks } = start();
    running.stop();
    await clock.advance(1_000);
    expect(ticks).toEqual([]);
  });
});
