import type { RowReport, ScenarioReport, Spread } from './report.js';
import type { Mark } from './scenario.js';

/** A Markdown table of a scenario: medians, the least and the most in parentheses, ratio and mark. */
export function table({ scenario, rounds, rows, subjects }: ScenarioReport): string {
  const versions = Object.entries(subjects).map(([name, { version }]) => `${name} ${version}`);
  return [
    `### ${scenario}`,
    '',
    `Medians of ${rounds}, with the least and the most: ${versions.join(' and ')}.`,
    '',
    '| figure | Rollcall | etcd | ratio | mark | met |',
    '|---|---|---|---|---|---|',
    ...rows.map(line),
    '',
  ].join('\n');
}

function line({ label, unit, rollcall, etcd, ratio, mark, met }: RowReport): string {
  const cells = [
    label,
    spread(rollcall, unit),
    spread(etcd, unit),
    ratio === undefined ? '' : shown(ratio),
    mark === undefined ? '' : bound(mark),
    met === undefined ? '' : met ? 'yes' : '**no**',
  ];
  return `| ${cells.join(' | ')} |`;
}

function spread(values: Spread | undefined, unit: string): string {
  if (values === undefined) return '';
  const { median, min, max } = values;
  const range = min === max ? '' : ` (${shown(min)}–${shown(max)})`;
  return `${shown(median)}${unit.startsWith('/') || unit === '' ? unit : ` ${unit}`}${range}`;
}

/** What a mark asks for, such as `≤ 0.8`. */
export function bound({ of, is, bound: value }: Mark): string {
  return `${is === 'at most' ? '≤' : '≥'} ${value}${of === 'ratio' ? '' : ' (Rollcall)'}`;
}

/** To three digits, or to the unit where there are more. */
export function shown(value: number): string {
  return Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}
