import { planStorm, type PlanOptions, type Storm } from '../../../soak/plan.js';
import { seededPick } from '../../support/seeded-random.js';

const OPTIONS: Omit<PlanOptions, 'pick'> = { durationMs: 15_000, lines: 6, dirtyLine: 5, canFillDisk: true };

function storm(seed: number, more: Partial<PlanOptions> = {}): Storm {
  return planStorm({ pick: seededPick(seed), ...OPTIONS, ...more });
}

const STORMS = Array.from({ length: 50 }, (_, seed) => storm(seed));

it('a seed plans the same storm each time, and another one another', () => {
  expect(storm(1)).toEqual(storm(1));
  expect(storm(1)).not.toEqual(storm(2));
});

it('every fault happens sooner or later', () => {
  const kinds = STORMS.flatMap(({ lines, server }) => [...lines, ...server].map(({ fault }) => fault.kind));
  const server = ['kill', 'terminate', 'stop', 'fill'];
  const line = ['delay', 'throttle', 'silence', 'cut', 'sever', 'halfOpen', 'corrupt'];
  expect(new Set(kinds)).toEqual(new Set([...server, ...line]));
});

it('each line has one fault at a time, and all are over with the storm', () => {
  for (const { lines, durationMs } of STORMS) {
    const freeAtMs = new Map<number, number>();
    for (const { line, atMs, forMs } of lines) {
      expect(atMs).toBeGreaterThanOrEqual(freeAtMs.get(line) ?? 0);
      expect(atMs + forMs).toBeLessThanOrEqual(durationMs);
      freeAtMs.set(line, atMs + forMs);
    }
  }
});

it('bytes are damaged on no line but one', () => {
  const damaged = STORMS.flatMap(({ lines }) => lines.filter(({ fault }) => fault.kind === 'corrupt'));
  expect(new Set(damaged.map(({ line }) => line))).toEqual(new Set([OPTIONS.dirtyLine]));
});

it('a disk that cannot be filled is not', () => {
  const faults = Array.from({ length: 50 }, (_, seed) => storm(seed, { canFillDisk: false }).server).flat();
  expect(faults.map(({ fault }) => fault.kind)).not.toContain('fill');
});
