import { Propagation } from '../../../bench/measure/propagation.js';

describe('propagation', () => {
  it('takes a change as arrived with the first message of its revision or a later one', () => {
    const propagation = new Propagation(1);
    const startMs = performance.now();
    propagation.arrived(0, 2);
    // Told of only now, as a writer may have its answer after the watchers; and out of order.
    propagation.sent(2, startMs - 1_000);
    propagation.sent(1, startMs - 3_000);
    const { p50Ms, maxMs } = propagation.figures;
    expect(p50Ms).toBeGreaterThanOrEqual(990);
    expect(p50Ms).toBeLessThan(2_000);
    expect(maxMs).toBeGreaterThanOrEqual(2_990);
    expect(maxMs).toBeLessThan(4_000);
  });

  it('refuses to tell of changes that did not reach a watch', () => {
    const propagation = new Propagation(2);
    propagation.arrived(0, 1);
    propagation.sent(1, performance.now());
    expect(() => propagation.figures).toThrow('revision 1 did not reach watch 1');
  });
});
