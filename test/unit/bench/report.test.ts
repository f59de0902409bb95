import type { Figures } from '../../../bench/measure/figures.js';
import { rowReport, type SubjectReport } from '../../../bench/side-by-side/report.js';
import { ratioAtLeast, ratioAtMost, rollcallAtMost, type Mark } from '../../../bench/side-by-side/scenario.js';

const subject = (...figures: Figures[]): SubjectReport => ({
  version: '1',
  othersCores: figures.map(() => 0),
  figures,
});
const row = (mark?: Mark) => ({ figure: 'load.cpu', label: 'CPU', unit: 'µs', ...(mark && { mark }) });
const of = (...values: number[]) => subject(...values.map((cpu) => ({ load: { cpu } })));

describe('a row of a report', () => {
  it('compares medians, and tells the least and the most', () => {
    const report = rowReport(row(), { rollcall: of(9, 1, 2), etcd: of(4, 3, 8) });
    expect(report).toMatchObject({
      rollcall: { median: 2, min: 1, max: 9 },
      etcd: { median: 4, min: 3, max: 8 },
      ratio: 0.5,
    });
    expect(report.met).toBeUndefined();
  });

  it.each([
    [ratioAtMost(0.5), true],
    [ratioAtMost(0.49), false],
    [ratioAtLeast(0.5), true],
    [ratioAtLeast(0.51), false],
    [rollcallAtMost(2), true],
    [rollcallAtMost(1.9), false],
  ])('judges a mark by its bound, which is met by the bound itself: %j', (mark, met) => {
    expect(rowReport(row(mark), { rollcall: of(2), etcd: of(4) }).met).toBe(met);
  });

  it('judges nothing by a ratio to something that shrank or was not measured', () => {
    expect(rowReport(row(ratioAtMost(0.5)), { rollcall: of(2), etcd: of(-4) }).met).toBeUndefined();
    expect(rowReport(row(ratioAtMost(0.5)), { rollcall: of(2) }).met).toBeUndefined();
  });

  it('refuses a figure that was not measured', () => {
    expect(() => rowReport(row(), { rollcall: subject({ load: {} }) })).toThrow('there is no figure load.cpu');
  });
});
