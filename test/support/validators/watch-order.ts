/** W3, W5: in what order a watcher is told, and how it goes on after a break. */
import { LIMITS } from '../../../src/core/limits.js';
import type { Xxh64 } from '../../../src/core/hash.js';
import { decodeToken, type Revision } from '../../../src/core/token.js';
import { Snapshot_Reason as SnapshotReason, type Delta } from '../../../src/gen/rollcall/v1/discovery.js';
import { Endpoint } from '../../../src/gen/rollcall/v1/endpoint.js';
import type { History, Validator } from './history.js';
import {
  completeMessages,
  nameOf,
  snapshotOf,
  streamsOf,
  tokenIsOfView,
  type Stream,
  type StreamMessage,
} from './streams.js';
import { truthOf, type Truth } from './truth.js';
import { digestOf } from './watch-views.js';

/** W3: revisions of snapshots and deltas strictly increase on a stream, and those of checkpoints never fall. */
export const validateOrdered: Validator = (history) => {
  const problems: string[] = [];
  for (const stream of streamsOf(history)) {
    let last: Revision = -1;
    for (const message of completeMessages(stream)) {
      const { revision } = message.token;
      const kind = message.response.event?.$case;
      const strictly = kind === 'snapshot' || kind === 'delta';
      if (strictly ? revision <= last : revision < last)
        problems.push(`${nameOf(message)} comes after revision ${last}`);
      last = revision;
    }
  }
  return problems;
};

/**
 * W5: a resume is answered with exactly what changed since, or with a snapshot
 * that gives the true reason. The same goes for what follows on the stream.
 */
export function validateResumable(history: History, xxh64: Xxh64): string[] {
  const truth = truthOf(history);
  const problems: string[] = [];
  for (const stream of streamsOf(history)) {
    let from = beginning(history, stream, xxh64);
    let chunkProblemTold = false;
    for (const message of stream.messages) {
      const problem = problemOf(truth, stream, message, from);
      if (problem !== undefined && !chunkProblemTold) problems.push(`${nameOf(message)} ${problem}`);
      // The reason is on every chunk, and the same on all.
      chunkProblemTold = problem !== undefined && message.token === undefined;
      if (message.token !== undefined) from = { kind: 'view', revision: message.token.revision };
    }
  }
  return problems;
}

/** Where a stream is: at a view of its own, or where only a snapshot for the given reason will do. */
type From =
  | { readonly kind: 'view'; readonly revision: Revision }
  | { readonly kind: 'blank'; readonly reason: SnapshotReason }
  /** The view was wrong. Whether that is seen depends on whether the past is still known. */
  | { readonly kind: 'drifted'; readonly revision: Revision };

function beginning(history: History, { watch }: Stream, xxh64: Xxh64): From {
  if (watch.resumeToken === '') return { kind: 'blank', reason: SnapshotReason.INITIAL };
  const { epoch, revision } = decodeToken(watch.resumeToken, 'resume_token');
  const truth = truthOf(history);
  if (epoch !== truth.epoch) return { kind: 'blank', reason: SnapshotReason.EPOCH_CHANGED };
  if (!tokenIsOfView(history, watch)) return { kind: 'blank', reason: SnapshotReason.INITIAL };
  const expected = digestOf(truth.view(watch.service, watch.selector, revision).values(), xxh64);
  if (watch.viewDigest !== undefined && watch.viewDigest !== expected) return { kind: 'drifted', revision };
  return { kind: 'view', revision };
}

function problemOf(truth: Truth, stream: Stream, message: StreamMessage, from: From): string | undefined {
  const { response } = message;
  const snapshot = snapshotOf(response);
  if (from.kind === 'blank') {
    if (snapshot === undefined) return 'is no snapshot, where the client has no view to go on from';
    return snapshot.reason === from.reason ? undefined : `gives reason ${snapshot.reason} instead of ${from.reason}`;
  }
  if (snapshot !== undefined) {
    const known = message.floorWhenSent <= from.revision;
    if (from.kind === 'drifted') {
      const right =
        snapshot.reason === SnapshotReason.DRIFT || (!known && snapshot.reason === SnapshotReason.COMPACTED);
      return right ? undefined : `gives reason ${snapshot.reason} for a view that was wrong`;
    }
    if (snapshot.reason !== SnapshotReason.COMPACTED)
      return `gives reason ${snapshot.reason} to a watcher at ${from.revision}`;
    return known && !isLarge(truth, stream, from.revision, response.revision)
      ? `starts anew, though all that happened since ${from.revision} is remembered`
      : undefined;
  }
  if (from.kind === 'drifted') return 'builds on a view that was wrong';
  switch (response.event?.$case) {
    case 'delta':
      return deltaProblem(truth, stream, response.event.value, from.revision, response.revision);
    case 'checkpoint':
    case 'reconnect': {
      const { upserted, removed } = difference(truth, stream, from.revision, response.revision);
      const missing = [...upserted.map(({ id }) => id), ...removed];
      return missing.length === 0 ? undefined : `passes over changes of ${missing.join(', ')} since ${from.revision}`;
    }
    default:
      return 'is empty';
  }
}

function deltaProblem(truth: Truth, stream: Stream, delta: Delta, from: Revision, to: Revision): string | undefined {
  const expected = difference(truth, stream, from, to);
  const upserts = namesOf(delta.upserted.map(({ id }) => id));
  const removals = namesOf(delta.removed.map(({ endpointId }) => endpointId));
  const expectedUpserts = namesOf(expected.upserted.map(({ id }) => id));
  const expectedRemovals = namesOf(expected.removed);
  if (upserts !== expectedUpserts) return `upserts ${upserts} instead of ${expectedUpserts} since ${from}`;
  if (removals !== expectedRemovals) return `removes ${removals} instead of ${expectedRemovals} since ${from}`;
  return upserts + removals === '[][]' ? `is a delta in which nothing changed since ${from}` : undefined;
}

/** What tells a view at one revision from the same at a later one. */
function difference(
  truth: Truth,
  { watch }: Stream,
  from: Revision,
  to: Revision,
): { readonly upserted: readonly Endpoint[]; readonly removed: readonly string[] } {
  const before = truth.view(watch.service, watch.selector, from);
  const after = truth.view(watch.service, watch.selector, to);
  const upserted = [...after.values()].filter(({ id, modRevision }) => before.get(id)?.modRevision !== modRevision);
  return { upserted, removed: [...before.keys()].filter((id) => !after.has(id)) };
}

/** Whether a delta would be so large that a snapshot may take its place. */
function isLarge(truth: Truth, stream: Stream, from: Revision, to: Revision): boolean {
  const { upserted, removed } = difference(truth, stream, from, to);
  const bytes = upserted.reduce((sum, endpoint) => sum + Endpoint.encode(endpoint).finish().length + 16, 0);
  return bytes + removed.length * 256 > LIMITS.messageBytesMax - 16 * 1024;
}

function namesOf(ids: readonly string[]): string {
  return `[${[...ids].sort().join(' ')}]`;
}
