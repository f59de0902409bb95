import { FakeClock } from '../../support/fake-clock.js';

describe('the fake clock', () => {
  it('fires timers in the order of their times, each at its own', async () => {
    const clock = new FakeClock();
    const fired: [string, number][] = [];
    const note = (name: string) => () => void fired.push([name, clock.monotonicMs()]);
    clock.after(30, note('late'));
    clock.after(10, note('early'));
    clock.every(20, note('again'));
    await clock.advance(45);
    expect(fired).toEqual([
      ['early', 10],
      ['again', 20],
      ['late', 30],
      ['again', 40],
    ]);
    expect(clock.monotonicMs()).toBe(45);
  });

  it('never fires a timer that was cancelled, also when another one due at the same time cancels it', async () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    clock.after(10, () => {
      fired.push('first');
      second.cancel();
    });
    const second = clock.after(10, () => fired.push('second'));
    const soon = clock.soon(() => fired.push('soon'));
    soon.cancel();
    await clock.advance(20);
    expect(fired).toEqual(['first']);
  });

  it('lets a stall pass without firing anything, and then fires each overdue timer once', async () => {
    const clock = new FakeClock();
    const fired: number[] = [];
    clock.every(10, () => fired.push(clock.monotonicMs()));
    clock.stall(35);
    expect(fired).toEqual([]);
    await clock.advance(15);
    expect(fired).toEqual([35, 45]);
    expect(clock.runningMs()).toBe(15);
  });

  it('runs soon callbacks after promises have settled, and those asked for meanwhile a turn later', async () => {
    const clock = new FakeClock({ soonByItself: false });
    const seen: string[] = [];
    clock.soon(() => {
      seen.push('soon');
      clock.soon(() => seen.push('sooner or later'));
    });
    void Promise.resolve().then(() => seen.push('promise'));
    expect(await clock.turn()).toBe(true);
    expect(seen).toEqual(['promise', 'soon']);
    expect(await clock.turn()).toBe(true);
    expect(seen).toEqual(['promise', 'soon', 'sooner or later']);
    expect(await clock.turn()).toBe(false);
  });

  it('runs soon callbacks by itself unless told otherwise', async () => {
    const clock = new FakeClock();
    await expect(new Promise((resolve) => clock.soon(() => resolve('ran')))).resolves.toBe('ran');
  });

  it('forgets everything that was set when its process ends', async () => {
    const clock = new FakeClock({ soonByItself: false });
    const fired: string[] = [];
    clock.every(10, () => fired.push('timer'));
    clock.soon(() => fired.push('soon'));
    clock.forgetAll();
    await clock.advance(100);
    expect(fired).toEqual([]);
  });
});
