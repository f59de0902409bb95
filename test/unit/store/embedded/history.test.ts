import * as fc from 'fast-check';
import { History } from '../../../../src/store/embedded/history.js';
import type { TimedBatch } from '../../../../src/store/embedded/persistence.js';

const WIDE = { countMax: 1_000, ageMsMax: 1_000_000, bytesMax: 1_000_000 };

function batch(revision: number, timeMs = 0): TimedBatch {
  return { revision, timeMs, changes: [] };
}

function batches(from: number, to: number, timeMs?: (revision: number) => number): TimedBatch[] {
  return Array.from({ length: to - from + 1 }, (_, index) => batch(from + index, timeMs?.(from + index)));
}

const revisionsOf = (list: readonly TimedBatch[]) => list.map(({ revision }) => revision);

describe('history', () => {
  it('tells of every batch after a revision', () => {
    const history = new History(WIDE, 2, batches(3, 5));
    history.append(batches(6, 7));
    expect(revisionsOf(history.after(2))).toEqual([3, 4, 5, 6, 7]);
    expect(revisionsOf(history.after(5))).toEqual([6, 7]);
    expect(history.after(7)).toEqual([]);
    expect(history.after(99)).toEqual([]);
  });

  it('lets go of everything up to its floor, which never falls', () => {
    const history = new History(WIDE, 0, batches(1, 5));
    history.trimTo(3);
    expect([history.floor, ...revisionsOf(history.after(0))]).toEqual([3, 4, 5]);
    history.trimTo(2);
    expect(history.floor).toBe(3);
    history.trimTo(9);
    expect([history.floor, history.after(0)]).toEqual([9, []]);
  });

  it('asks for a floor that leaves room for what comes, and keeps as many as it may', () => {
    const history = new History({ ...WIDE, countMax: 4 }, 0, batches(1, 4));
    expect(history.dueFloor(batches(100, 99), 0)).toBe(0);
    expect(history.dueFloor(batches(100, 100), 0)).toBe(1);
    expect(history.dueFloor(batches(100, 102), 0)).toBe(3);
    expect(history.dueFloor(batches(100, 199), 0)).toBe(4);
  });

  it('asks for a floor below the first batch that is young enough', () => {
    const history = new History(
      { ...WIDE, ageMsMax: 100 },
      0,
      batches(1, 5, (revision) => revision * 10),
    );
    expect(history.dueFloor(batches(100, 99), 110)).toBe(0);
    expect(history.dueFloor(batches(100, 99), 111)).toBe(1);
    expect(history.dueFloor(batches(100, 99), 131)).toBe(3);
    expect(history.dueFloor(batches(100, 99), 1_000)).toBe(5);
  });

  it('asks for a floor that leaves the bytes it may keep, new and previous values counted', () => {
    const entry = (revision: number) => ({
      key: 'k',
      value: new Uint8Array(1_000),
      createRevision: 1,
      modRevision: revision,
      lease: undefined,
    });
    const large = (revision: number): TimedBatch => ({
      ...batch(revision),
      changes: [{ key: 'k', entry: entry(revision), prev: entry(revision - 1) }],
    });
    const history = new History({ ...WIDE, bytesMax: 7_000 }, 0, [large(1), large(2), large(3)]);
    expect(history.dueFloor([], 0)).toBe(0);
    expect(history.dueFloor([large(4)], 0)).toBe(1);
    expect(history.dueFloor([large(4), large(5)], 0)).toBe(2);
    history.trimTo(2);
    expect(history.dueFloor([large(4), large(5)], 0)).toBe(2);
  });

  it('takes the bound that is met first, and never asks for less than it has let go', () => {
    fc.assert(
      fc.property(
        fc.record({ length: fc.nat({ max: 30 }), trim: fc.nat({ max: 30 }), incoming: fc.nat({ max: 30 }) }),
        fc.record({
          countMax: fc.integer({ min: 1, max: 30 }),
          ageMsMax: fc.nat({ max: 300 }),
          nowMs: fc.nat({ max: 400 }),
        }),
        ({ length, trim, incoming }, { countMax, ageMsMax, nowMs }) => {
          const history = new History(
            { ...WIDE, countMax, ageMsMax },
            0,
            batches(1, length, (revision) => revision * 10),
          );
          history.trimTo(trim);
          const due = history.dueFloor(batches(100, 99 + incoming), nowMs);
          expect(due).toBeGreaterThanOrEqual(history.floor);
          const kept = revisionsOf(history.after(due));
          const dropped = revisionsOf(history.after(0)).filter((revision) => revision <= due);
          expect(kept.length === 0 || kept.length + incoming <= countMax).toBe(true);
          expect(kept.every((revision) => revision * 10 >= nowMs - ageMsMax)).toBe(true);
          // The last one dropped had to go.
          const last = dropped.at(-1);
          const mustGo = last === undefined || kept.length + 1 + incoming > countMax || last * 10 < nowMs - ageMsMax;
          expect(mustGo).toBe(true);
        },
      ),
    );
  });
});
