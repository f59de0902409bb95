import type { CallLedger } from './call-ledger.js';
import type { Arrival } from './scenario.js';

/** What came of a demonstration. */
export interface Outcome {
  readonly ok: boolean;
  readonly calls: number;
  readonly failed: number;
  /** How many calls were lost with their backend, made again and answered. */
  readonly madeAgain: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly arrivals: readonly Arrival[];
  /** Why it is not ok. */
  readonly problems: readonly string[];
}

const FAILURES_SHOWN_MAX = 5;

export function outcomeOf(ledger: CallLedger, arrivals: readonly Arrival[], problem: string | undefined): Outcome {
  const { answered, failed, retried: madeAgain } = ledger;
  const tookMs = ledger.tookMs.toSorted((a, b) => a - b);
  const at = (share: number): number => rounded(tookMs[Math.ceil(share * tookMs.length) - 1] ?? 0);
  const problems = problem === undefined ? [] : [problem];
  if (answered === 0) problems.push('no call was answered');
  if (failed.length > 0) problems.push(`${failed.length} calls failed, such as: ${reasons(failed)}`);
  return {
    ok: problems.length === 0,
    calls: answered + failed.length,
    failed: failed.length,
    madeAgain,
    latencyMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
    arrivals: arrivals.map(({ what, tookMs: ms }) => ({ what, tookMs: rounded(ms) })),
    problems,
  };
}

/** The outcome for people. */
export function outcomeText({ calls, failed, madeAgain, latencyMs, arrivals, problems }: Outcome): string {
  const { p50, p99, max } = latencyMs;
  const width = Math.max(0, ...arrivals.map(({ what }) => what.length));
  return [
    '',
    `calls       ${calls}`,
    `failed      ${failed}`,
    `made again  ${madeAgain} (they were at a backend when it was killed)`,
    `answered in ${p50} ms (p50), ${p99} ms (p99), ${max} ms (longest)`,
    '',
    ...arrivals.map(({ what, tookMs }) => `${what.padEnd(width)}  ${`${tookMs} ms`.padStart(10)}`),
    '',
    ...(problems.length === 0 ? ['ok: no call failed, and every change arrived'] : problems.map((p) => `FAILED: ${p}`)),
    '',
  ].join('\n');
}

function reasons(failed: CallLedger['failed']): string {
  return [...new Set(failed.map(({ message }) => message))].slice(0, FAILURES_SHOWN_MAX).join('; ');
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
