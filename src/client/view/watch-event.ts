import type { Address, Endpoint } from '../../gen/rollcall/v1/endpoint.js';

/** Why there is a new snapshot. */
export type SnapshotReason =
  /** It is the first. */
  | 'INITIAL'
  /** The server's history no longer reaches back to where the watch was. */
  | 'COMPACTED'
  /** The server has another history: its store was restored or replaced. Revisions begin anew. */
  | 'EPOCH_CHANGED'
  /** The view was not what the server's digest says, and was given up. */
  | 'DRIFT'
  /** No server has answered yet: this is what was known before. Only in views. */
  | 'LAST_KNOWN_GOOD'
  /** The reader fell behind, and this replaces what it has not read. Only in views. */
  | 'LAGGED'
  /** A newer server says it in words that this client does not know. */
  | 'UNSPECIFIED';

/** Why an endpoint left the view. `UNSPECIFIED` as in {@link SnapshotReason}. */
export type RemovalReason = 'DEREGISTERED' | 'EXPIRED' | 'NO_LONGER_MATCHES' | 'UNSPECIFIED';

interface Position {
  /** The store's revision that the event speaks of. */
  readonly revision: number;
  /** Names the view after this event; a later watch of the same service and selector can resume from it. */
  readonly resumeToken: string;
}

/** The whole view. Replaces whatever was known before; an empty one says that there are no endpoints. */
export interface SnapshotEvent extends Position {
  readonly type: 'snapshot';
  readonly reason: SnapshotReason;
  readonly endpoints: readonly Endpoint[];
}

/** What changed since the event before, to be applied as one. */
export interface DeltaEvent extends Position {
  readonly type: 'delta';
  /** Endpoints that are new or changed, as they are now. */
  readonly upserted: readonly Endpoint[];
  readonly removed: readonly Removal[];
}

/** An endpoint that left the view, and the revision that made it leave. */
export interface Removal {
  readonly endpointId: string;
  readonly reason: RemovalReason;
  readonly revision: number;
}

/** Nothing changed up to this revision. */
export interface CheckpointEvent extends Position {
  readonly type: 'checkpoint';
}

/** The server is going away. The client moves by itself; the view stays as it is. */
export interface ReconnectEvent extends Position {
  readonly type: 'reconnect';
  /** The longest delay before the client watches again, in milliseconds. */
  readonly delayMaxMs: number;
  /** Other servers that were named. */
  readonly alternates: readonly Address[];
}

/** One step of a watch. */
export type WatchEvent = SnapshotEvent | DeltaEvent | CheckpointEvent | ReconnectEvent;
