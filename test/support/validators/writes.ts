/** L4, L7, and that what was answered is true: every change has one cause, and every write at most one effect. */
import { isDeepStrictEqual } from 'node:util';
import { MARKER_KEY, type History, type HistoryEvent, type Validator, type Write } from './history.js';
import { answeredWrites, type AnsweredWrite } from './lease-logs.js';
import { truthOf, type TrueRevision, type Truth } from './truth.js';

type RecordChange = TrueRevision['records'][number];

/** What was asked for about one endpoint, by a call or of a client that makes calls by itself. */
type Wish = { readonly index: number } & (
  Exclude<Write, { kind: 'renew' }> | { readonly kind: 'kept'; readonly marker: string } | { readonly kind: 'released' }
);

/** L4: each change of a record was asked for under the lease that held it, or follows the lapse of that lease. */
export const validateFenced: Validator = (history) => {
  const truth = truthOf(history);
  const wishes = wishesIn(history);
  const problems: string[] = [];
  for (const revision of truth.revisions) {
    for (const change of revision.records) {
      const asked = (wishes.get(`${change.service}/${change.id}`) ?? []).filter(({ index }) => index < revision.index);
      const cause = problemOf(truth, revision, change, asked);
      if (cause !== undefined) problems.push(`event ${revision.index}: revision ${revision.revision} ${cause}`);
    }
  }
  return problems;
};

/** By endpoint, in the order in which they were asked for. */
function wishesIn({ events }: History): Map<string, Wish[]> {
  const wishes = new Map<string, Wish[]>();
  const add = ({ service, id }: { service: string; id: string }, wish: Wish): void => {
    const key = `${service}/${id}`;
    const known = wishes.get(key);
    if (known === undefined) wishes.set(key, [wish]);
    else known.push(wish);
  };
  for (const [index, event] of events.entries()) {
    if (event.type === 'write' && event.what.kind !== 'renew') add(event.what, { ...event.what, index });
    if (event.type === 'kept') add(event, { kind: 'kept', marker: event.marker, index });
    if (event.type === 'released') add(event, { kind: 'released', index });
  }
  return wishes;
}

function problemOf(
  truth: Truth,
  { revision }: TrueRevision,
  { service, id, after }: RecordChange,
  asked: readonly Wish[],
): string | undefined {
  const before = truth.record(service, id, revision - 1);
  const holder = truth.holder(service, id, revision - 1);
  const name = `${service}/${id}`;
  const marker = after?.endpoint.metadata[MARKER_KEY];
  const isKept = asked.some((wish) => wish.kind === 'kept' && wish.marker === marker);
  if (after === undefined) {
    const byHolder = asked.some((wish) => wish.kind === 'deregister' && wish.leaseId === before?.leaseId);
    if (byHolder || holder === undefined || asked.some(({ kind }) => kind === 'released')) return undefined;
    return `removes ${name}, which lease ${holder} holds, and nobody asked for it under that lease`;
  }
  if (after.leaseId === before?.leaseId) {
    if (holder !== before.leaseId) return `updates ${name} under a lease that has ended`;
    const updated = asked.some((w) => w.kind === 'update' && w.leaseId === before.leaseId && w.marker === marker);
    return updated || isKept ? undefined : `updates ${name}, and nobody asked for it under its lease`;
  }
  const registered = isKept || asked.some((wish) => wish.kind === 'register' && wish.marker === marker);
  return registered ? undefined : `registers ${name}, and nobody asked for it`;
}

/** L7: no write has two effects, and no registration is repeated that is alive. */
export const validateOnce: Validator = (history) => {
  const truth = truthOf(history);
  const kept = new Set(history.events.flatMap((event) => (event.type === 'kept' ? event.marker : [])));
  const problems: string[] = [];
  const seen = new Map<string, number>();
  for (const { index, revision, records } of truth.revisions) {
    for (const { service, id, after } of records) {
      const marker = after?.endpoint.metadata[MARKER_KEY];
      if (after === undefined || marker === undefined) continue;
      const first = seen.get(marker);
      if (first !== undefined && !kept.has(marker))
        problems.push(`event ${index}: what revision ${first} wrote is written again in ${revision}`);
      seen.set(marker, revision);
      const before = truth.record(service, id, revision - 1);
      const isRepeated =
        after.requestId !== '' && before?.requestId === after.requestId && before.leaseId !== after.leaseId;
      if (isRepeated && truth.holder(service, id, revision - 1) === before.leaseId) {
        problems.push(`event ${index}: request ${after.requestId} registers ${service}/${id} twice`);
      }
    }
  }
  return problems;
};

/** What was answered as written is there at the revision of the answer; what was refused never is, and for a reason. */
export const validateAnswers: Validator = (history) => {
  const truth = truthOf(history);
  const problems: string[] = [];
  const revisionOfMarker = new Map<string, number>();
  for (const { revision, records } of truth.revisions) {
    for (const { after } of records)
      if (after !== undefined) revisionOfMarker.set(after.endpoint.metadata[MARKER_KEY] ?? '', revision);
  }
  for (const write of answeredWrites(history)) {
    const problem = answerProblem(truth, write, revisionOfMarker);
    if (problem !== undefined) problems.push(`event ${write.answered.index}: ${JSON.stringify(write.what)} ${problem}`);
  }
  return problems;
};

function answerProblem(
  truth: Truth,
  write: AnsweredWrite,
  revisionOfMarker: ReadonlyMap<string, number>,
): string | undefined {
  const { what, answer } = write;
  if (what.kind === 'renew' || answer.kind === 'renewed') return undefined;
  const { service, id } = what;
  if (answer.kind === 'refused') {
    const effect = what.kind === 'deregister' ? undefined : revisionOfMarker.get(what.marker);
    if (effect !== undefined) return `was refused with ${answer.reason}, and happened in revision ${effect}`;
    return isJustified(truth, write, answer.reason) ? undefined : `was refused with ${answer.reason} without reason`;
  }
  if (answer.revision > (newestBefore(truth, write.answered.index)?.revision ?? 0))
    return 'was answered before it was shown';
  const record = truth.record(service, id, answer.revision);
  if (answer.kind === 'gone') return record === undefined ? undefined : `is said to be gone at ${answer.revision}`;
  if (record === undefined || record.leaseId !== answer.leaseId) return `is not there under lease ${answer.leaseId}`;
  if (what.kind === 'deregister') return 'was answered as a registration';
  const repeated = what.kind === 'register' && what.requestId !== '' && record.requestId === what.requestId;
  const isThere = repeated || record.endpoint.metadata[MARKER_KEY] === what.marker;
  return isThere ? undefined : `is not what is there at ${answer.revision}`;
}

/** Whether the state at some moment between question and answer explains the refusal. */
function isJustified(truth: Truth, { what, asked, answered }: AnsweredWrite, reason: string): boolean {
  if (what.kind === 'renew') return false;
  const { service, id } = what;
  const from = newestBefore(truth, asked.index)?.revision ?? 0;
  const during = truth.revisions.filter(({ index }) => index > asked.index && index < answered.index);
  const states = [from, ...during.map(({ revision }) => revision)];
  const records = states.map((revision) => truth.record(service, id, revision));
  switch (reason) {
    case 'LEASE_MISMATCH':
      return (
        what.kind !== 'register' && records.some((record) => record !== undefined && record.leaseId !== what.leaseId)
      );
    case 'ENDPOINT_NOT_FOUND':
      return records.includes(undefined);
    case 'LEASE_NOT_FOUND':
      return what.kind === 'update' && states.some((revision) => truth.holder(service, id, revision) !== what.leaseId);
    case 'CONTENDED':
      return during.length > 0;
    case 'STORE_FULL':
    case 'SHUTTING_DOWN':
      return true;
    default:
      return false;
  }
}

function newestBefore({ revisions }: Truth, index: number): TrueRevision | undefined {
  return revisions.findLast((each) => each.index < index);
}

/** Nothing is shown or answered before it is on disk, and a restart brings back all of it. */
export const validateDurable: Validator = (history) => {
  const truth = truthOf(history);
  const problems: string[] = [];
  const watchesDisk = history.events.some(({ type }) => type === 'flushed');
  let flushed = 0;
  let newest = 0;
  for (const [index, event] of history.events.entries()) {
    if (event.type === 'flushed') flushed = Math.max(flushed, event.revision);
    if (event.type === 'restart')
      problems.push(...restartProblems(truth, event, newest).map((text) => `event ${index}: ${text}`));
    if (event.type !== 'revision') continue;
    if (event.revision !== newest + 1) problems.push(`event ${index}: revision ${event.revision} follows ${newest}`);
    if (watchesDisk && event.revision > flushed)
      problems.push(`event ${index}: revision ${event.revision} is shown before it is on disk`);
    newest = event.revision;
  }
  return problems;
};

function restartProblems(truth: Truth, event: Extract<HistoryEvent, { type: 'restart' }>, newest: number): string[] {
  if (event.revision !== newest) return [`the store is back at revision ${event.revision} instead of ${newest}`];
  const key = (service: string, id: string) => `${service}/${id}`;
  const found = new Map(event.records.map(({ service, id, record }) => [key(service, id), record]));
  const expected = new Map(truth.records(newest).map(([service, id, record]) => [key(service, id), record]));
  const names = new Set([...found.keys(), ...expected.keys()]);
  return [...names]
    .filter((name) => !isDeepStrictEqual(found.get(name), expected.get(name)))
    .map((name) => `${name} is not what it was`);
}
