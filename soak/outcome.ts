import { Snapshot_Reason as SnapshotReason } from '../src/gen/rollcall/v1/discovery.js';
import type { History } from '../test/support/validators/history.js';
import { streamsOf, snapshotOf } from '../test/support/validators/streams.js';

/** How much happened in a history. */
export interface Amounts {
  readonly events: number;
  readonly revisions: number;
  readonly writes: number;
  /** Writes whose outcome nobody was told. */
  readonly unanswered: number;
  readonly lapses: number;
  readonly streams: number;
  readonly messages: number;
  readonly snapshots: Readonly<Record<string, number>>;
  readonly views: number;
  readonly lists: number;
  readonly restarts: number;
  /** Time in which the server was stopped or starved, not counting that in which there was none. */
  readonly stalledMs: number;
  readonly settled: number;
}

/** What came of a run. */
export interface Outcome {
  readonly ok: boolean;
  readonly seed: number;
  readonly minutes: number;
  readonly amounts: Amounts;
  readonly faults: Readonly<Record<string, number>>;
  /** How long it took until all was right after each storm. */
  readonly settledInMs: readonly number[];
  /** Of the last server process: when it had come up, and at the end. */
  readonly rssMiB: readonly [number, number];
  readonly validatedInMs: number;
  readonly problems: readonly string[];
  /** The history, where it was kept. */
  readonly file?: string;
}

const REASON_NAMES = new Map(Object.entries(SnapshotReason).map(([name, value]) => [value as number, name]));
const PROBLEMS_SHOWN_MAX = 20;

export function amountsOf(history: History): Amounts {
  const { events } = history;
  const count = (type: string): number => events.filter((event) => event.type === type).length;
  const snapshots: Record<string, number> = {};
  let [streams, messages] = [0, 0];
  for (const stream of streamsOf(history)) {
    streams++;
    messages += stream.messages.length;
    for (const { response } of stream.messages) {
      const snapshot = snapshotOf(response);
      if (snapshot?.last !== true) continue;
      const name = REASON_NAMES.get(snapshot.reason) ?? 'unknown';
      snapshots[name] = (snapshots[name] ?? 0) + 1;
    }
  }
  const lapsed = events.filter((event) => {
    return (
      event.type === 'revision' &&
      event.records.length === 0 &&
      event.liveness.some(({ leaseId }) => leaseId === undefined)
    );
  });
  return {
    events: events.length,
    revisions: count('revision'),
    writes: count('write'),
    unanswered: count('write') - count('answer'),
    lapses: lapsed.length,
    streams,
    messages,
    snapshots,
    views: count('view'),
    lists: count('list'),
    restarts: count('restart'),
    stalledMs: events.reduce((sum, event) => sum + (event.type === 'stall' ? event.ms : 0), 0),
    settled: count('settled'),
  };
}

/** What has to happen in a history for it to prove anything. */
export function missingIn({ revisions, messages, views, lists, settled }: Amounts): string[] {
  const counts = { revisions, messages, views, lists, settled };
  return Object.entries(counts).flatMap(([what, count]) =>
    count === 0 ? `vain: there are no ${what} in the history` : [],
  );
}

export function outcomeText(outcome: Outcome): string {
  const { amounts, faults, settledInMs, rssMiB, problems, file, seed } = outcome;
  const pairs = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none';
  const row = (name: string, text: string | number): string => `${name.padEnd(11)} ${text}\n`;
  const table = [
    row('seed', seed),
    row('faults', pairs(faults)),
    row(
      'writes',
      `${amounts.writes}, ${amounts.unanswered} of them never answered; ${amounts.revisions} revisions, ${amounts.lapses} lapses`,
    ),
    row('watches', `${amounts.streams} streams, ${amounts.messages} messages; snapshots: ${pairs(amounts.snapshots)}`),
    row('clients', `${amounts.views} views of the library, ${amounts.lists} lists`),
    row(
      'server',
      `${amounts.restarts} restarts, ${Math.round(amounts.stalledMs)} ms stalled, ${rssMiB[0]} MiB then ${rssMiB[1]} MiB`,
    ),
    row('settled', `after ${settledInMs.map((ms) => `${Math.round(ms)} ms`).join(', ') || 'no storm'}`),
    row('validated', `${amounts.events} events in ${Math.round(outcome.validatedInMs)} ms`),
  ].join('');
  return `${table}${problemsText(problems)}${file === undefined ? '' : keptText(file)}`;
}

/** What is wrong, or that nothing is. */
export function problemsText(problems: readonly string[]): string {
  if (problems.length === 0) return 'nothing is wrong\n';
  const shown = problems.slice(0, PROBLEMS_SHOWN_MAX).map((problem) => `  ${problem}\n`);
  const left = problems.length - shown.length;
  return `WRONG: ${problems.length}\n${shown.join('')}${left > 0 ? `  and ${left} more\n` : ''}`;
}

function keptText(file: string): string {
  return `the history is in ${file}, the server's log beside it; look at it again with\n  npm run soak -- --replay ${file}\n`;
}
