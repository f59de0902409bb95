import type { RowReport, ScenarioReport, Spread } from './report.js';
import { COLORS, svg, svgText } from './svg.js';
import { bound, shown } from './table.js';

const WIDTH = 860;
const LABEL_WIDTH = 420;
/** Of the longest bar. Room for its figure is left beside it. */
const BAR_WIDTH = 330;
const ROW_HEIGHT = 52;
const BAR_HEIGHT = 14;
const TOP = 44;

/**
 * Bars of a scenario's rows: each row has its own scale, with the larger of the
 * two at full length, and a line from the least to the most of the rounds.
 */
export function barChart({ scenario, rounds, rows }: ScenarioReport): string {
  const bars = rows.flatMap(({ rollcall, etcd, ...row }, index) =>
    rollcall === undefined || etcd === undefined
      ? []
      : pairOfBars(row, { rollcall, etcd, top: TOP + index * ROW_HEIGHT }),
  );
  const height = TOP + rows.length * ROW_HEIGHT + 8;
  return svg({ width: WIDTH, height, title: `${scenario}: medians of ${rounds}` }, bars);
}

function pairOfBars(
  { label, unit, mark, met }: RowReport,
  { rollcall, etcd, top }: { readonly rollcall: Spread; readonly etcd: Spread; readonly top: number },
): string[] {
  const scale = BAR_WIDTH / Math.max(rollcall.max, etcd.max, Number.MIN_VALUE);
  const [verdict, color] = met === true ? ['met', COLORS.met] : ['not met', COLORS.unmet];
  return [
    svgText({ x: 12, y: top + 14 }, label),
    ...(mark === undefined
      ? []
      : [svgText({ x: 12, y: top + 30 }, `mark ${bound(mark)}: ${verdict}`, `fill="${color}"`)]),
    ...bar(rollcall, { y: top + 4, scale, unit, color: COLORS.rollcall }),
    ...bar(etcd, { y: top + 6 + BAR_HEIGHT, scale, unit, color: COLORS.etcd }),
  ];
}

interface BarStyle {
  readonly y: number;
  /** Pixels for one of the unit. */
  readonly scale: number;
  readonly unit: string;
  readonly color: string;
}

function bar({ median, min, max }: Spread, { y, scale, unit, color }: BarStyle): string[] {
  // What shrank has no bar.
  const length = (value: number) => Number((Math.max(0, value) * scale).toFixed(1));
  const middle = y + BAR_HEIGHT / 2;
  return [
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${length(median)}" height="${BAR_HEIGHT}" fill="${color}"/>`,
    `<line x1="${LABEL_WIDTH + length(min)}" x2="${LABEL_WIDTH + length(max)}" y1="${middle}" y2="${middle}" stroke="${COLORS.spread}" stroke-width="1.5"/>`,
    svgText({ x: LABEL_WIDTH + length(max) + 8, y: y + 11 }, `${shown(median)} ${unit}`.trim()),
  ];
}
