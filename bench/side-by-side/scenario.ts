import type { Parameters, Program } from '../measure/program.js';

/** A measurement that Rollcall and etcd undergo alike, in the same run. */
export interface Scenario<P extends Parameters> extends Program<P> {
  /** What is told of it, in this order. */
  readonly rows: readonly Row[];
  /** What is plotted instead of bars. */
  readonly growths?: readonly Growth[];
}

/** A figure that is measured in steps of something else. */
export interface Growth {
  /** Where the steps are in what `measure` returns, the smallest first. */
  readonly steps: readonly string[];
  /** The figure, and the one that it grows with, in each of them. */
  readonly figure: string;
  readonly by: string;
  readonly label: string;
  readonly unit: string;
}

export interface Row {
  /** Where it is in what `measure` returns, such as `callers64.p99Ms`. */
  readonly figure: string;
  readonly label: string;
  readonly unit: string;
  readonly mark?: Mark;
}

/** What is to be reached: by the ratio of the medians, Rollcall's to etcd's, or by Rollcall's median itself. */
export interface Mark {
  readonly of: 'ratio' | 'rollcall';
  readonly is: 'at most' | 'at least';
  readonly bound: number;
}

export function ratioAtMost(bound: number): Mark {
  return { of: 'ratio', is: 'at most', bound };
}

export function ratioAtLeast(bound: number): Mark {
  return { of: 'ratio', is: 'at least', bound };
}

export function rollcallAtMost(bound: number): Mark {
  return { of: 'rollcall', is: 'at most', bound };
}
