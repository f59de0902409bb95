import type { History, HistoryEvent, ServiceKey } from './history.js';
import { truthOf } from './truth.js';

/** Something that happened to a lease, when the server was at `atMs` of its running time. */
interface Moment {
  readonly index: number;
  readonly atMs: number;
}

/** What a history tells of one lease. */
export interface LeaseLog {
  readonly id: number;
  readonly service: ServiceKey;
  readonly endpointId: string;
  readonly ttlMs: number;
  /** The registration was shown. */
  readonly granted: Moment;
  /** Renewals that were answered as such, by when they were asked for and answered; repeated registrations are among them. */
  readonly renewals: { readonly asked: Moment; readonly answered: Moment }[];
  /** Renewals that the server is known to have taken in, whether or not it was heard to say so. */
  readonly takenIn: Moment[];
  /** The liveness key went, or went over to another lease. */
  ended: (Moment & { readonly lapsed: boolean }) | undefined;
}

/** The leases of a history, by id. Only those that came to hold an endpoint. */
export function leasesOf(history: History): Map<number, LeaseLog> {
  const truth = truthOf(history);
  const leases = new Map<number, LeaseLog>();
  for (const { index, atMs, revision, liveness, records } of truth.revisions) {
    for (const { service, id, leaseId } of liveness) {
      const before = truth.holder(service, id, revision - 1);
      const old = before === undefined ? undefined : leases.get(before);
      // A deregistration and a registration change the record too; an expiry does not.
      const lapsed = leaseId === undefined && !records.some((each) => each.service === service && each.id === id);
      if (old !== undefined && leaseId !== before) old.ended = { index, atMs, lapsed };
      const record = records.find((each) => each.service === service && each.id === id)?.after;
      if (leaseId === undefined || record === undefined) continue;
      const granted = { index, atMs };
      leases.set(leaseId, {
        id: leaseId,
        service,
        endpointId: id,
        ttlMs: record.ttlMs,
        granted,
        renewals: [],
        takenIn: [],
        ended: undefined,
      });
    }
  }
  for (const [index, event] of history.events.entries()) {
    if (event.type !== 'renewed') continue;
    for (const id of event.leaseIds) leases.get(id)?.takenIn.push({ index, atMs: event.atMs });
  }
  for (const { asked, answered, answer, what } of answeredWrites(history)) {
    if (answer.kind === 'renewed' && what.kind === 'renew') {
      for (const [place, id] of what.leaseIds.entries()) {
        if (answer.ttlsMs[place] !== undefined) leases.get(id)?.renewals.push({ asked, answered });
      }
    }
    if (answer.kind === 'written' && what.kind === 'register')
      leases.get(answer.leaseId)?.renewals.push({ asked, answered });
  }
  return leases;
}

type WriteEvent = Extract<HistoryEvent, { type: 'write' }>;
type AnswerEvent = Extract<HistoryEvent, { type: 'answer' }>;

/** A write and its answer. */
export interface AnsweredWrite {
  readonly asked: Moment;
  readonly answered: Moment;
  readonly what: WriteEvent['what'];
  readonly answer: AnswerEvent['answer'];
}

export function answeredWrites({ events }: History): AnsweredWrite[] {
  const asked = new Map<number, WriteEvent & Moment>();
  const answered: AnsweredWrite[] = [];
  for (const [index, event] of events.entries()) {
    if (event.type === 'write') asked.set(event.write, { ...event, index });
    if (event.type !== 'answer') continue;
    const write = asked.get(event.write);
    if (write === undefined) throw new Error(`an answer to ${event.write}, which was never asked for`);
    answered.push({ asked: write, answered: { index, atMs: event.atMs }, what: write.what, answer: event.answer });
  }
  return answered;
}
