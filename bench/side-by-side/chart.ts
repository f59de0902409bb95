import type { RowReport, ScenarioReport, Spread } from './report.js';
import { bound, shown } from './table.js';

const WIDTH = 760;
const LABEL_WIDTH = 300;
/** Of the longest bar. Room for its figure is left beside it. */
const BAR_WIDTH = 320;
const ROW_HEIGHT = 52;
const BAR_HEIGHT = 14;
const TOP = 44;

const COLORS = { rollcall: '#1f6feb', etcd: '#8c959f', whisker: '#24292f', unmet: '#cf222e', met: '#1a7f37' };

/**
 * Bars of a scenario's rows: each row has its own scale, with the larger of the
 * two at full length, and a line from the least to the most of the rounds.
 */
export function chart({ scenario, rounds, rows }: ScenarioReport): string {
  const drawn = rows.filter(({ rollcall, etcd }) => rollcall !== undefined && etcd !== undefined);
  const height = TOP + drawn.length * ROW_HEIGHT + 8;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text({ x: 12, y: 24 }, `${scenario}: medians of ${rounds}`, 'font-size="15" font-weight="bold"'),
    ...Object.entries({ Rollcall: COLORS.rollcall, etcd: COLORS.etcd }).flatMap(([name, color], index) => [
      `<rect x="${WIDTH - 150 + index * 82}" y="14" width="10" height="10" fill="${color}"/>`,
      text({ x: WIDTH - 136 + index * 82, y: 23 }, name),
    ]),
    ...drawn.flatMap((row, index) => barsOf(row, TOP + index * ROW_HEIGHT)),
    '</svg>',
    '',
  ].join('\n');
}

function barsOf(row: RowReport, top: number): string[] {
  const { label, unit, mark, met, rollcall, etcd } = row as RowReport & Required<Pick<RowReport, 'rollcall' | 'etcd'>>;
  const scale = BAR_WIDTH / Math.max(rollcall.max, etcd.max, Number.MIN_VALUE);
  const judged =
    mark === undefined
      ? []
      : [
          text(
            { x: 12, y: top + 30 },
            `mark ${bound(mark)}: ${met === true ? 'met' : 'not met'}`,
            `fill="${met === true ? COLORS.met : COLORS.unmet}"`,
          ),
        ];
  return [
    text({ x: 12, y: top + 14 }, label),
    ...judged,
    ...bar(rollcall, { y: top + 4, scale, unit, color: COLORS.rollcall }),
    ...bar(etcd, { y: top + 6 + BAR_HEIGHT, scale, unit, color: COLORS.etcd }),
  ];
}

function bar(
  { median, min, max }: Spread,
  {
    y,
    scale,
    unit,
    color,
  }: { readonly y: number; readonly scale: number; readonly unit: string; readonly color: string },
): string[] {
  const at = (value: number) => (LABEL_WIDTH + Math.max(0, value) * scale).toFixed(1);
  const middle = y + BAR_HEIGHT / 2;
  return [
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${(Math.max(0, median) * scale).toFixed(1)}" height="${BAR_HEIGHT}" fill="${color}"/>`,
    `<line x1="${at(min)}" x2="${at(max)}" y1="${middle}" y2="${middle}" stroke="${COLORS.whisker}" stroke-width="1.5"/>`,
    text({ x: Number(at(max)) + 8, y: y + 11 }, `${shown(median)} ${unit}`.trim()),
  ];
}

function text({ x, y }: { readonly x: number; readonly y: number }, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" ${attributes}>${escaped}</text>`;
}
