import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { machine } from '../measure/machine.js';
import { barChart } from './bar-chart.js';
import { growthPlot } from './growth-plot.js';
import type { ScenarioReport } from './report.js';
import type { Growth } from './scenario.js';
import { table } from './table.js';

const RESULTS = 'bench/results';
const LATEST = `${RESULTS}/latest.json`;
const TABLES = `${RESULTS}/latest.md`;
const PAGE = 'docs/BENCHMARKS.md';
const CHARTS = 'docs/benchmarks';

interface Latest {
  readonly machine: ReturnType<typeof machine>;
  readonly scenarios: Readonly<Record<string, ScenarioReport>>;
}

/**
 * Keeps what a scenario came to: in latest.json and latest.md, beside what is
 * there of the others; as a chart; and in docs/BENCHMARKS.md between the lines
 * that mark its place.
 */
export function publish(
  report: ScenarioReport,
  { on, growths }: { readonly on: Latest['machine']; readonly growths: readonly Growth[] | undefined },
): void {
  const { scenario } = report;
  const before: Latest['scenarios'] = existsSync(LATEST)
    ? (JSON.parse(readFileSync(LATEST, 'utf8')) as Latest).scenarios
    : {};
  const latest: Latest = { machine: on, scenarios: { ...before, [scenario]: report } };
  for (const dir of [RESULTS, CHARTS]) mkdirSync(dir, { recursive: true });
  writeFileSync(LATEST, `${JSON.stringify(latest, undefined, 2)}\n`);
  writeFileSync(TABLES, Object.values(latest.scenarios).map(table).join('\n'));
  const chart = growths === undefined ? barChart(report) : growthPlot(report, growths);
  writeFileSync(`${CHARTS}/${scenario}.svg`, chart);
  const page = readFileSync(PAGE, 'utf8');
  writeFileSync(PAGE, withSection(page, scenario, `${table(report)}\n![${scenario}](benchmarks/${scenario}.svg)\n`));
}

/** The page with what is between `<!-- NAME -->` and `<!-- end of NAME -->` replaced. */
function withSection(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${PAGE} has no place for ${name}: a line ${begin} and a line ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n${page.slice(to)}`;
}
