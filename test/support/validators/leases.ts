/** L1, L2, L3, L5: when leases end, and what their holders are told. */
import type { History, HistoryEvent, Validator } from './history.js';
import { answeredWrites, leasesOf, type LeaseLog } from './lease-logs.js';
import { truthOf } from './truth.js';

/**
 * The grain of the server's clock: a tick of 100 ms in which it was stopped,
 * and 50 ms of ordinary lateness, may pass for running time. Once a stall.
 */
const GRAIN_MS = 150;

/** How long after its TTL an endpoint may still be there: the tick, and the time to look and to write. */
const SLACK_MS = 500;

/** A disk that failed is tried again after a second, for the expiry and then for the record. */
const DISK_RETRY_MS = 2_500;

/** From about here on a stall counts as a restart; two that come within a tick count as one. */
const RESTART_STALL_MS = 900;
const TICK_MS = 100;

function countBetween({ events }: History, type: HistoryEvent['type'], from: number, to: number): number {
  return events.slice(from, to).filter((event) => event.type === type).length;
}

/** L1: no lease lapses before its last renewal that was answered plus its TTL, in running time. */
export const validateNoEarlyExpiry: Validator = (history) => {
  const problems: string[] = [];
  const start = history.events.find((event) => event.type === 'start');
  for (const lease of leasesOf(history).values()) {
    const { ended, ttlMs, granted, renewals } = lease;
    if (ended === undefined || !ended.lapsed) continue;
    const before = renewals.filter(({ answered }) => answered.index < ended.index);
    const last = before.reduce((latest, { asked }) => (asked.atMs > latest.atMs ? asked : latest), granted);
    const grainMs = GRAIN_MS * countBetween(history, 'stall', last.index, ended.index);
    // A renewal is counted from when its client asked for it, a grant from when the server told of it.
    const earlyMs = last === granted ? (start?.precisionMs ?? 0) : 0;
    if (ended.atMs >= last.atMs - earlyMs + ttlMs - grainMs) continue;
    problems.push(`event ${ended.index}: ${nameOf(lease)} lapsed ${ended.atMs - last.atMs} ms after its last renewal`);
  }
  return problems;
};

/** L5: a restart gives every lease its full TTL. */
export const validateRestartForgives: Validator = (history) => {
  const problems: string[] = [];
  const restarts = history.events.flatMap((event, index) =>
    event.type === 'restart' ? { index, atMs: event.atMs } : [],
  );
  for (const lease of leasesOf(history).values()) {
    const { ended, ttlMs, granted } = lease;
    if (ended === undefined || !ended.lapsed) continue;
    const restart = restarts.findLast(({ index }) => index < ended.index && index > granted.index);
    if (restart === undefined) continue;
    const grainMs = GRAIN_MS * countBetween(history, 'stall', restart.index, ended.index);
    if (ended.atMs >= restart.atMs + ttlMs - grainMs) continue;
    problems.push(`event ${ended.index}: ${nameOf(lease)} lapsed ${ended.atMs - restart.atMs} ms after a restart`);
  }
  return problems;
};

/**
 * L2: a lease that is no longer renewed lapses within TTL and slack, and its
 * endpoint is gone, where the disk takes the writes.
 */
export const validateTimelyExpiry: Validator = (history) => {
  const truth = truthOf(history);
  const leases = leasesOf(history);
  const problems: string[] = [];
  for (const [index, event] of history.events.entries()) {
    if (event.type !== 'settled') continue;
    const newest = truth.revisions.findLast((each) => each.index < index)?.revision ?? 0;
    for (const [service, id, record] of truth.records(newest)) {
      const lease = leases.get(record.leaseId);
      const lateMs = lease === undefined ? 0 : event.atMs - deadlineMs(history, lease, index);
      if (lateMs > 0)
        problems.push(`event ${index}: ${service}/${id} is still there ${lateMs} ms after it should be gone`);
    }
  }
  for (const lease of leases.values()) {
    if (lease.ended?.lapsed !== true) continue;
    const lateMs = lease.ended.atMs - deadlineMs(history, lease, lease.ended.index);
    if (lateMs > 0) problems.push(`event ${lease.ended.index}: ${nameOf(lease)} lapsed ${lateMs} ms too late`);
  }
  return problems;
};

/** When an endpoint has to be gone at the latest, as far as is known when `index`. */
function deadlineMs(history: History, lease: LeaseLog, index: number): number {
  const disk = history.events.slice(0, index).findLast((each) => each.type === 'disk');
  if (disk?.works === false) return Infinity;
  const sinceDiskMs = disk === undefined ? 0 : disk.atMs + DISK_RETRY_MS;
  return Math.max(lastExtensionMs(history, lease, index) + lease.ttlMs, sinceDiskMs) + SLACK_MS;
}

/** The last moment before `index` from which a lease may count its TTL. */
function lastExtensionMs({ events }: History, { granted, renewals, takenIn }: LeaseLog, index: number): number {
  let lastMs = granted.atMs;
  for (const taken of takenIn) if (taken.index < index) lastMs = Math.max(lastMs, taken.atMs);
  for (const { answered } of renewals) if (answered.index < index) lastMs = Math.max(lastMs, answered.atMs);
  let stalledMs = 0;
  let stalledAtMs = -Infinity;
  for (const event of events.slice(granted.index, index)) {
    if (event.type === 'stall') {
      stalledMs = event.atMs - stalledAtMs <= TICK_MS ? stalledMs + event.ms : event.ms;
      stalledAtMs = event.atMs;
    }
    const forgives = event.type === 'restart' || (event.type === 'stall' && stalledMs >= RESTART_STALL_MS);
    if (forgives) lastMs = Math.max(lastMs, event.atMs);
  }
  return lastMs;
}

/** L3: a renewal succeeds for a lease that is alive, and for no other. */
export const validateRenewals: Validator = (history) => {
  const leases = leasesOf(history);
  const problems: string[] = [];
  const endings = endingWrites(history);
  for (const { asked, answered, what, answer } of answeredWrites(history)) {
    if (what.kind !== 'renew' || answer.kind !== 'renewed') continue;
    for (const [place, id] of what.leaseIds.entries()) {
      const lease = leases.get(id);
      const ttlMs = answer.ttlsMs[place];
      const problem = (text: string) => problems.push(`event ${answered.index}: ${text}`);
      if (ttlMs === undefined) {
        if (lease === undefined || mayHaveEnded(history, lease, answered, endings)) continue;
        problem(`${nameOf(lease)} was not found, though it is alive`);
      } else if (lease === undefined) {
        problem(`lease ${id} was renewed, though it never held anything`);
      } else if (lease.ended !== undefined && lease.ended.index < asked.index) {
        problem(`${nameOf(lease)} was renewed after its end`);
      } else if (ttlMs !== lease.ttlMs) {
        problem(`${nameOf(lease)} was renewed for ${ttlMs} ms`);
      }
    }
  }
  return problems;
};

/** By lease: since when a write that ends it has been under way, whatever became of it. */
function endingWrites({ events }: History): Map<number, number> {
  const endings = new Map<number, number>();
  for (const [index, event] of events.entries()) {
    if (event.type === 'write' && event.what.kind === 'deregister' && !endings.has(event.what.leaseId)) {
      endings.set(event.what.leaseId, index);
    }
  }
  return endings;
}

/** Whether a lease may be gone when `at`: it ended, is due, or somebody has asked for what ends it. */
function mayHaveEnded(
  history: History,
  lease: LeaseLog,
  at: { readonly index: number; readonly atMs: number },
  endings: ReadonlyMap<number, number>,
): boolean {
  if (lease.ended !== undefined && lease.ended.index < at.index) return true;
  if ((endings.get(lease.id) ?? Infinity) < at.index) return true;
  if (
    registrationsOf(history, lease).some(({ asked, answered }) => asked < at.index && answered > lease.granted.index)
  ) {
    return true;
  }
  const renewed = lease.renewals.filter(({ answered }) => answered.index < at.index);
  const lastMs = renewed.reduce((latest, { asked }) => Math.max(latest, asked.atMs), lease.granted.atMs);
  const grainMs = GRAIN_MS * countBetween(history, 'stall', lease.granted.index, at.index);
  return at.atMs >= lastMs + lease.ttlMs - grainMs;
}

/** The registrations of a lease's endpoint, other than its own: when they were asked for, and answered if they were. */
function registrationsOf(
  { events }: History,
  lease: LeaseLog,
): { readonly asked: number; readonly answered: number }[] {
  return events.flatMap((event, asked) => {
    if (event.type !== 'write' || event.what.kind !== 'register') return [];
    if (event.what.service !== lease.service || event.what.id !== lease.endpointId) return [];
    const answered = events.findIndex((other) => other.type === 'answer' && other.write === event.write);
    const answer = events[answered];
    const isOwn = answer?.type === 'answer' && answer.answer.kind === 'written' && answer.answer.leaseId === lease.id;
    return isOwn ? [] : { asked, answered: answered === -1 ? Infinity : answered };
  });
}

function nameOf({ id, service, endpointId }: LeaseLog): string {
  return `lease ${id} of ${service}/${endpointId}`;
}
