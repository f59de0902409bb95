import { figureAt, median } from '../measure/figures.js';
import type { ScenarioReport } from './report.js';
import { COLORS, svg, svgText } from './svg.js';
import type { Growth } from './scenario.js';
import { shown } from './table.js';

const PANEL = { width: 330, height: 270, left: 62, right: 24, top: 54, bottom: 44 };

interface Point {
  readonly x: number;
  readonly y: number;
}

type Scale = (value: number) => number;

/** A panel for each figure that grows, both axes logarithmic, so that linear growth is a line of slope 1 (dotted). */
export function growthPlot({ scenario, rounds, subjects }: ScenarioReport, growths: readonly Growth[]): string {
  const panels = growths.flatMap((growth, index) => {
    const lines = Object.entries(subjects).map(([name, { figures }]) => ({
      color: name === 'rollcall' ? COLORS.rollcall : COLORS.etcd,
      points: growth.steps.map((step): Point => {
        const at = (figure: string) => median(figures.map((round) => figureAt(round, `${step}.${figure}`)));
        return { x: at(growth.by), y: at(growth.figure) };
      }),
    }));
    return [`<g transform="translate(${index * PANEL.width} 0)">`, ...panel(growth, lines), '</g>'];
  });
  return svg(
    {
      width: PANEL.width * growths.length,
      height: PANEL.height,
      title: `${scenario}: medians of ${rounds}; dotted: linear growth`,
    },
    panels,
  );
}

function panel(
  growth: Growth,
  lines: readonly { readonly color: string; readonly points: readonly Point[] }[],
): string[] {
  const points = lines.flatMap((line) => line.points);
  const x = logScale(
    points.map((point) => point.x),
    { from: PANEL.left, to: PANEL.width - PANEL.right },
  );
  const y = logScale(
    points.map((point) => point.y),
    { from: PANEL.height - PANEL.bottom, to: PANEL.top + 22 },
  );
  const [xs, ys] = [points.map((point) => point.x), points.map((point) => point.y)];
  const [left, bottom] = [PANEL.left, PANEL.height - PANEL.bottom];
  return [
    svgText({ x: left, y: PANEL.top + 4 }, `${growth.label}, ${growth.unit}`),
    svgText({ x: left, y: PANEL.height - 8 }, `by ${growth.by}`),
    `<path d="M${left} ${PANEL.top + 14}V${bottom}H${PANEL.width - PANEL.right}" fill="none" stroke="${COLORS.axis}"/>`,
    ...lines.flatMap(({ color, points: [first, ...rest] }) =>
      first === undefined
        ? []
        : [
            linear(first, { xMax: Math.max(...xs), yMax: Math.max(...ys), x, y, color }),
            lineOf([first, ...rest], { x, y, color }),
          ],
    ),
    ...[...new Set(xs)].map((value) => svgText({ x: x(value), y: bottom + 16 }, shown(value), 'text-anchor="middle"')),
    ...[Math.min(...ys), Math.max(...ys)].map((value) =>
      svgText({ x: left - 6, y: y(value) + 4 }, shown(value), 'text-anchor="end"'),
    ),
  ];
}

function lineOf(
  points: readonly Point[],
  { x, y, color }: { readonly x: Scale; readonly y: Scale; readonly color: string },
): string {
  const path = points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ');
  const dots = points.map(
    (point) => `<circle cx="${x(point.x).toFixed(1)}" cy="${y(point.y).toFixed(1)}" r="3.5" fill="${color}"/>`,
  );
  return `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>${dots.join('')}`;
}

/** Where a line from the first point would go that grew as what it is plotted against, as far as the panel reaches. */
function linear(
  first: Point,
  {
    xMax,
    yMax,
    x,
    y,
    color,
  }: { readonly xMax: number; readonly yMax: number; readonly x: Scale; readonly y: Scale; readonly color: string },
): string {
  const factor = Math.min(xMax / first.x, yMax / first.y);
  const [fromX, fromY, toX, toY] = [x(first.x), y(first.y), x(first.x * factor), y(first.y * factor)].map((at) =>
    at.toFixed(1),
  );
  return `<line x1="${fromX}" y1="${fromY}" x2="${toX}" y2="${toY}" stroke="${color}" stroke-dasharray="2 4"/>`;
}

function logScale(values: readonly number[], { from, to }: { readonly from: number; readonly to: number }): Scale {
  const [least, most] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  return (value) => (most === least ? from : from + ((Math.log(value) - least) / (most - least)) * (to - from));
}
