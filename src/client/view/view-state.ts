import { EMPTY_DIGEST, endpointDigest, type Digest } from '../../core/digest.js';
import { toMs } from '../../core/duration.js';
import type { Xxh64 } from '../../core/hash.js';
import { decodeToken, type Epoch, type Revision } from '../../core/token.js';
import {
  RemovedEndpoint_Reason,
  Snapshot_Reason,
  type Delta,
  type Snapshot,
  type WatchResponse,
} from '../../gen/rollcall/v1/discovery.js';
import type { Endpoint } from '../../gen/rollcall/v1/endpoint.js';
import { PersistentMap } from '../../lib/persistent-map.js';
import type { RemovalReason, SnapshotReason, WatchEvent } from './watch-event.js';

/** Of 64 KiB each, as servers send them, a GiB: no service is that large. */
const SNAPSHOT_CHUNKS_MAX = 16_384;

/**
 * What a watcher holds of one service, as a value. Transitions are pure: they
 * return a new state and leave the old one as it was.
 *
 *     begin                           begin with a token
 *       │                                   │
 *       ▼        last chunk                 ▼
 *     blank ───────────────┐     ┌─────  resumed ─┐ delta, checkpoint:
 *       ▲                  ▼     ▼          ▲     │ passed on, with nothing
 *       │                  synced           └─────┘ to check a digest against
 *       │  digest differs, │     ▲
 *       └──────────────────┘     │ snapshot, delta, checkpoint
 *         token not taken  └─────┘
 *
 * In every state, chunks of a snapshot gather in `assembly` until the last,
 * and nothing else of the state changes before.
 */
export type ViewState = BlankView | ResumedView | SyncedView;

/** Nothing is known, which is not the same as knowing that there are no endpoints. */
export interface BlankView {
  readonly kind: 'blank';
  /** Whether a view was held before, and given up because its digest was wrong. */
  readonly drifted: boolean;
  /** Names what was held before and was given up: nothing older is taken for it. */
  readonly floor: Floor | undefined;
  readonly assembly: Assembly | undefined;
}

/** The application holds the view that `resumeToken` names; its content is not known here. */
export interface ResumedView {
  readonly kind: 'resumed';
  readonly resumeToken: string;
  /** 0 until the first message. */
  readonly revision: Revision;
  readonly assembly: Assembly | undefined;
}

/** The view at `revision`, known to be right by its digest. */
export interface SyncedView {
  readonly kind: 'synced';
  readonly resumeToken: string;
  readonly revision: Revision;
  readonly digest: Digest;
  /** By id. */
  readonly endpoints: PersistentMap<Endpoint>;
  readonly assembly: Assembly | undefined;
}

interface Floor {
  readonly resumeToken: string;
  readonly revision: Revision;
}

interface Assembly {
  readonly revision: Revision;
  readonly chunks: readonly (readonly Endpoint[])[];
}

/** What one message did. */
export type Step =
  /** The application's view changed, or was confirmed. */
  | { readonly kind: 'event'; readonly state: ViewState; readonly event: WatchEvent }
  /** A chunk was taken in; there is nothing to show yet. */
  | { readonly kind: 'gathering'; readonly state: ViewState }
  /** The view had become wrong and was given up: watch again, without a token. */
  | { readonly kind: 'drift'; readonly state: BlankView; readonly problem: string }
  /** A server must not send this message. What is held stays; watch again. */
  | { readonly kind: 'refused'; readonly state: ViewState; readonly problem: string };

/** The state before the first message; with a token when the application already holds the view it names. */
export function beginView(resumeToken = ''): ViewState {
  if (resumeToken === '') return { kind: 'blank', drifted: false, floor: undefined, assembly: undefined };
  return { kind: 'resumed', resumeToken, revision: 0, assembly: undefined };
}

/** The state at the beginning of another stream: half a snapshot from the last one is worth nothing. */
export function reopenView(state: ViewState): ViewState {
  return state.assembly === undefined ? state : { ...state, assembly: undefined };
}

/** The state without what it holds, to begin with a snapshot again: a server does not take its token. */
export function giveUpView(state: ViewState): BlankView {
  const floor = state.kind === 'blank' ? state.floor : { resumeToken: state.resumeToken, revision: state.revision };
  return { kind: 'blank', drifted: false, floor, assembly: undefined };
}

/** What to ask a server for, so that it goes on from this state. */
export function resumeFrom(state: ViewState): { resumeToken: string; viewDigest: bigint | undefined } {
  if (state.kind === 'blank') return { resumeToken: '', viewDigest: undefined };
  return { resumeToken: state.resumeToken, viewDigest: state.kind === 'synced' ? state.digest : undefined };
}

/** Folds one message into the state. */
export function receive(state: ViewState, message: WatchResponse, xxh64: Xxh64): Step {
  switch (message.event?.$case) {
    case 'snapshot':
      return receiveSnapshot(state, message, message.event.value, xxh64);
    case 'delta':
      return receiveDelta(state, message, message.event.value, xxh64);
    case 'checkpoint':
      return receiveCheckpoint(state, message);
    case 'reconnect':
      return receiveReconnect(state, message, {
        delayMaxMs: toMs(message.event.value.delayMax ?? { seconds: 0n, nanos: 0 }),
        alternates: message.event.value.alternates,
      });
    default:
      return refuse(state, 'a message without an event');
  }
}

function receiveSnapshot(state: ViewState, message: WatchResponse, snapshot: Snapshot, xxh64: Xxh64): Step {
  const { revision, resumeToken } = message;
  const before = state.assembly?.revision === revision ? state.assembly.chunks : [];
  const chunks = [...before, snapshot.endpoints];
  if (chunks.length > SNAPSHOT_CHUNKS_MAX)
    return refuse(state, `a snapshot of more than ${SNAPSHOT_CHUNKS_MAX} messages`);
  if (!snapshot.last) return { kind: 'gathering', state: { ...state, assembly: { revision, chunks } } };

  const reason = reasonToTell(state, message, snapshotReason(snapshot.reason));
  const problem = snapshotProblem(state, message, reason);
  if (problem !== undefined) return refuse(state, problem);

  const { endpoints, digest } = applyChanges(
    PersistentMap.empty<Endpoint>(),
    new Map(chunks.flat().map((endpoint) => [endpoint.id, endpoint])),
    xxh64,
  );
  if (digest !== message.digest) return drift(state, message, digest);

  return {
    kind: 'event',
    state: { kind: 'synced', resumeToken, revision, digest, endpoints, assembly: undefined },
    event: {
      type: 'snapshot',
      reason,
      endpoints: [...endpoints.values()],
      revision,
      resumeToken,
    },
  };
}

function receiveDelta(state: ViewState, message: WatchResponse, delta: Delta, xxh64: Xxh64): Step {
  const { revision, resumeToken } = message;
  if (state.kind === 'blank') return refuse(state, 'a delta before the first snapshot');
  const problem = tokenProblem(message) ?? assemblyProblem(state);
  if (problem !== undefined) return refuse(state, problem);
  if (revision <= state.revision) return refuse(state, `a delta at revision ${revision} after ${state.revision}`);

  const event: WatchEvent = {
    type: 'delta',
    upserted: delta.upserted,
    removed: delta.removed.map((removed) => ({
      endpointId: removed.endpointId,
      reason: removalReason(removed.reason),
      revision: removed.revision,
    })),
    revision,
    resumeToken,
  };
  if (state.kind === 'resumed') return { kind: 'event', state: { ...state, resumeToken, revision }, event };

  const changes = new Map<string, Endpoint | undefined>();
  for (const { endpointId } of delta.removed) changes.set(endpointId, undefined);
  for (const endpoint of delta.upserted) changes.set(endpoint.id, endpoint);
  const { endpoints, digest: difference } = applyChanges(state.endpoints, changes, xxh64);
  const digest = state.digest ^ difference;
  if (digest !== message.digest) return drift(state, message, digest);
  return { kind: 'event', state: { ...state, resumeToken, revision, digest, endpoints }, event };
}

function receiveCheckpoint(state: ViewState, message: WatchResponse): Step {
  const { revision, resumeToken } = message;
  if (state.kind === 'blank') return refuse(state, 'a checkpoint before the first snapshot');
  const problem = tokenProblem(message) ?? assemblyProblem(state);
  if (problem !== undefined) return refuse(state, problem);
  if (revision < state.revision) return refuse(state, `a checkpoint at revision ${revision} after ${state.revision}`);
  if (state.kind === 'synced' && state.digest !== message.digest) return drift(state, message, state.digest);
  return {
    kind: 'event',
    state: { ...state, resumeToken, revision },
    event: { type: 'checkpoint', revision, resumeToken },
  };
}

function receiveReconnect(
  state: ViewState,
  message: WatchResponse,
  advice: Pick<Extract<WatchEvent, { type: 'reconnect' }>, 'delayMaxMs' | 'alternates'>,
): Step {
  const open = reopenView(state);
  // Without a view, or without a token, there is only the advice.
  if (open.kind === 'blank' || message.resumeToken === '') {
    const { revision, resumeToken } = open.kind === 'blank' ? { revision: 0, resumeToken: '' } : open;
    return { kind: 'event', state: open, event: { type: 'reconnect', ...advice, revision, resumeToken } };
  }
  const confirmed = receiveCheckpoint(open, message);
  if (confirmed.kind !== 'event') return confirmed;
  const { revision, resumeToken } = message;
  return { ...confirmed, event: { type: 'reconnect', ...advice, revision, resumeToken } };
}

/** Asked without a token, a server cannot know what was held before. */
function reasonToTell(state: ViewState, { resumeToken }: WatchResponse, reason: SnapshotReason): SnapshotReason {
  const held = heldBefore(state);
  if (held !== undefined && epochOf(held.resumeToken) !== epochOf(resumeToken)) return 'EPOCH_CHANGED';
  return state.kind === 'blank' && state.drifted && reason === 'INITIAL' ? 'DRIFT' : reason;
}

/** Revisions never go back, but for another history; a snapshot that was asked for may repeat the one held. */
function snapshotProblem(state: ViewState, message: WatchResponse, reason: SnapshotReason): string | undefined {
  const problem = tokenProblem(message);
  const held = heldBefore(state);
  if (problem !== undefined || held === undefined || reason === 'EPOCH_CHANGED') return problem;
  const mayRepeat = reason === 'INITIAL' || reason === 'DRIFT';
  const follows = mayRepeat ? message.revision >= held.revision : message.revision > held.revision;
  return follows ? undefined : `a snapshot at revision ${message.revision} after ${held.revision}`;
}

function heldBefore(state: ViewState): Floor | undefined {
  return state.kind === 'blank' ? state.floor : state;
}

/** Undefined for a token that this version cannot read. */
function epochOf(resumeToken: string): Epoch | undefined {
  try {
    return decodeToken(resumeToken, 'resume_token').epoch;
  } catch {
    // To applications tokens are opaque, and from a newer server they are to this client, too.
    return undefined;
  }
}

function tokenProblem(message: WatchResponse): string | undefined {
  return message.resumeToken === '' ? 'a message that completes a view, without a token' : undefined;
}

function assemblyProblem(state: ViewState): string | undefined {
  return state.assembly === undefined ? undefined : 'another event before the last chunk of a snapshot';
}

function refuse(state: ViewState, problem: string): Step {
  return { kind: 'refused', state: reopenView(state), problem };
}

function drift(state: ViewState, message: WatchResponse, digest: Digest): Step {
  const problem = `the view at revision ${message.revision} has digest ${digest}, the server's ${message.digest}`;
  return { kind: 'drift', state: { ...giveUpView(state), drifted: true }, problem };
}

/** The endpoints with changes applied (undefined removes), and what the changes do to their digest. */
function applyChanges(
  before: PersistentMap<Endpoint>,
  changes: ReadonlyMap<string, Endpoint | undefined>,
  xxh64: Xxh64,
): { endpoints: PersistentMap<Endpoint>; digest: Digest } {
  let digest = EMPTY_DIGEST;
  for (const [id, endpoint] of changes) {
    const old = before.get(id);
    if (old !== undefined) digest ^= digestOf(old, xxh64);
    if (endpoint !== undefined) digest ^= digestOf(endpoint, xxh64);
  }
  return { endpoints: before.with(changes), digest };
}

function digestOf(endpoint: Endpoint, xxh64: Xxh64): Digest {
  return endpointDigest(xxh64, endpoint.id, endpoint.modRevision);
}

function snapshotReason(reason: Snapshot_Reason): SnapshotReason {
  switch (reason) {
    case Snapshot_Reason.INITIAL:
      return 'INITIAL';
    case Snapshot_Reason.COMPACTED:
      return 'COMPACTED';
    case Snapshot_Reason.EPOCH_CHANGED:
      return 'EPOCH_CHANGED';
    case Snapshot_Reason.DRIFT:
      return 'DRIFT';
    default:
      return 'UNSPECIFIED';
  }
}

function removalReason(reason: RemovedEndpoint_Reason): RemovalReason {
  switch (reason) {
    case RemovedEndpoint_Reason.DEREGISTERED:
      return 'DEREGISTERED';
    case RemovedEndpoint_Reason.EXPIRED:
      return 'EXPIRED';
    case RemovedEndpoint_Reason.NO_LONGER_MATCHES:
      return 'NO_LONGER_MATCHES';
    default:
      return 'UNSPECIFIED';
  }
}
