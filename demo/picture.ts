import colors from 'picocolors';
import type { Stage } from './stage.js';

/** The demonstration at one moment, for whoever draws it. */
export interface Moment {
  readonly stage: Stage;
  readonly elapsedMs: number;
  readonly durationMs: number;
}

const BAR_WIDTH = 24;

/** What a live display shows, line by line. */
export function pictureOf({ stage, elapsedMs, durationMs }: Moment): string[] {
  const { ledger, backends, controlPlane, view } = stage;
  const recent = ledger.recent();
  const all = total(recent);
  const failed = ledger.failed.length;
  const lines = [
    `${bar(elapsedMs / durationMs)} ${seconds(elapsedMs)} of about ${seconds(durationMs)}`,
    '',
    `control plane  ${controlPlane === 'up' ? colors.green('up') : colors.red('down')}    view of the caller  ${view?.status ?? 'unknown'}`,
    `calls  ${ledger.answered}    failed  ${failed === 0 ? '0' : colors.red(String(failed))}    ` +
      `made again  ${ledger.retried}    in the last second  ${all}`,
    '',
  ];
  for (const { name, zone, state } of backends.values()) {
    const share = (recent.get(name) ?? 0) / Math.max(1, all);
    const shown = state === 'serving' ? colors.green(state.padEnd(9)) : colors.dim(state.padEnd(9));
    lines.push(`${name.padEnd(6)} ${zone}  ${shown} ${bar(share)} ${percent(share)}`);
  }
  return lines;
}

/** The same in one line, without colours. */
export function summaryOf({ stage: { ledger, controlPlane } }: Moment): string {
  const recent = ledger.recent();
  const shares = [...recent].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = shares.map(([name, count]) => `${name} ${percent(count / total(recent))}`).join(', ');
  const plane = controlPlane === 'up' ? '' : '; no control plane';
  return `${ledger.answered} calls, ${ledger.failed.length} failed; served by ${text === '' ? 'nobody' : text}${plane}`;
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

function bar(share: number): string {
  const filled = Math.round(Math.min(1, share) * BAR_WIDTH);
  return colors.cyan('█'.repeat(filled)) + colors.dim('░'.repeat(BAR_WIDTH - filled));
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
