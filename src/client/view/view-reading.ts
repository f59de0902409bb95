import type { RollcallError } from '../../core/errors.js';
import type { Endpoint } from '../../gen/rollcall/v1/endpoint.js';
import type { DeltaEvent, SnapshotEvent } from './watch-event.js';

/**
 * How much a view can be relied on.
 *
 *                 first answer
 *     unknown ───────────────────────► live ◄───────┐
 *        │                            │    ▲        │ answered again
 *        │ no answer in time,         │    │        │
 *        │ but a view is remembered   │    └─── resuming
 *        ▼              first answer  │             ▲
 *     last-known-good ────────────────┘             │ stream lost
 *                                     └─────────────┘
 */
export type ViewStatus =
  /** Nothing is known yet, which says nothing about whether there are endpoints. */
  | 'unknown'
  /** A server keeps it up to date. */
  | 'live'
  /** It was live, its stream is lost, and another is being sought. It is as it was then. */
  | 'resuming'
  /** It comes from an earlier watch of this process, or from a file, as no server has answered yet. */
  | 'last-known-good';

/** A view at one moment. */
export type ViewReading = UnknownView | KnownView;

export interface UnknownView {
  readonly status: 'unknown';
  /** Why nothing is known; undefined while there was hardly time for an answer. */
  readonly problem: RollcallError | undefined;
}

export interface KnownView {
  readonly status: Exclude<ViewStatus, 'unknown'>;
  /** Ordered by id. Empty when it is known that there are none. */
  readonly endpoints: readonly Endpoint[];
  /** The store's revision whose state this is. */
  readonly revision: number;
  /** A later watch of the same service and selector can resume from it. */
  readonly resumeToken: string;
  /** Milliseconds since a server last confirmed it. A live view is confirmed about every 10 s. */
  readonly ageMs: number;
  /** Why it is not live; undefined when it is. */
  readonly problem: RollcallError | undefined;
}

/** The status of a view became another, or its reason did. */
export interface StatusEvent {
  readonly type: 'status';
  readonly status: ViewStatus;
  readonly problem: RollcallError | undefined;
}

/** What `ServiceView.changes` tells. */
export type ViewEvent = SnapshotEvent | DeltaEvent | StatusEvent;
