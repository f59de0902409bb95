import { figureAt, median, rounded, type Figures } from '../measure/figures.js';
import type { Parameters } from '../measure/program.js';
import type { SubjectName } from '../subject/subject.js';
import type { Mark, Row } from './scenario.js';

/** What one scenario came to, as it is kept in latest.json. */
export interface ScenarioReport {
  readonly scenario: string;
  readonly parameters: Parameters;
  /** Rounds of each subject; they took turns. */
  readonly rounds: number;
  readonly rows: readonly RowReport[];
  readonly subjects: Readonly<Partial<Record<SubjectName, SubjectReport>>>;
}

export interface SubjectReport {
  readonly version: string;
  /** How busy the machine was with other things, for each round. */
  readonly othersCores: readonly number[];
  /** Each round. */
  readonly figures: readonly Figures[];
}

export interface RowReport extends Row {
  /** Both are there in a report of both. */
  readonly rollcall?: Spread;
  readonly etcd?: Spread;
  /** Of the medians, Rollcall's to etcd's; where it says something. */
  readonly ratio?: number;
  /** Of the mark, if it has one and what it is about was measured. */
  readonly met?: boolean;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function rowReport(row: Row, subjects: ScenarioReport['subjects']): RowReport {
  const [rollcall, etcd] = [spreadOf(row, subjects.rollcall), spreadOf(row, subjects.etcd)];
  const ratio = row.mark?.of === 'rollcall' ? undefined : ratioOf(rollcall, etcd);
  const value = row.mark?.of === 'ratio' ? ratio : rollcall?.median;
  return {
    ...row,
    ...(rollcall && { rollcall }),
    ...(etcd && { etcd }),
    ...(ratio !== undefined && { ratio }),
    ...(row.mark !== undefined && value !== undefined && { met: isMet(row.mark, value) }),
  };
}

/** None of what shrank, or is nothing. */
function ratioOf(rollcall: Spread | undefined, etcd: Spread | undefined): number | undefined {
  if (rollcall === undefined || etcd === undefined || rollcall.median < 0 || etcd.median <= 0) return undefined;
  return rounded(rollcall.median / etcd.median);
}

function isMet({ is, bound }: Mark, value: number): boolean {
  return is === 'at most' ? value <= bound : value >= bound;
}

function spreadOf({ figure }: Row, subject: SubjectReport | undefined): Spread | undefined {
  if (subject === undefined) return undefined;
  const values = subject.figures.map((figures) => figureAt(figures, figure));
  return { median: rounded(median(values)), min: rounded(Math.min(...values)), max: rounded(Math.max(...values)) };
}
