import type { RollcallError } from '../core/errors.js';
import type { Endpoint } from '../gen/rollcall/v1/endpoint.js';
import { orAbort } from '../lib/linked-abort.js';
import { ViewChanges } from './view-changes.js';
import type { ViewFeed } from './view-feed.js';
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

/** What {@link ServiceView.changes} tells. */
export type ViewEvent = SnapshotEvent | DeltaEvent | StatusEvent;

/**
 * One service as its registry sees it, kept up to date until it is closed.
 *
 * Views of one service and selector in one client share one stream. Whatever
 * happens to servers and networks, a view that is known stays known: it is
 * never emptied but by a server's word that the service has no endpoints.
 */
export class ServiceView implements AsyncDisposable {
  readonly #feed: ViewFeed;
  readonly #release: () => void;
  readonly #closing = new AbortController();
  readonly #changes = new Set<ViewChanges>();
  #last: ViewReading | undefined;

  /** @param release is called once, when the view is closed. Applications call `RollcallClient.watch`. */
  constructor(feed: ViewFeed, release: () => void) {
    this.#feed = feed;
    this.#release = release;
  }

  get namespace(): string {
    return this.#feed.target.namespace;
  }

  get service(): string {
    return this.#feed.target.service;
  }

  /**
   * Settles when the view is known: as soon as a server answers or, when none
   * does within a second, from what was known before.
   *
   * @throws RollcallError what a server refuses for good; CLIENT_CLOSED when the view or the client was closed before
   */
  get ready(): Promise<void> {
    const ready = orAbort(this.#feed.ready, this.#closing.signal);
    // Whoever does not wait need not catch.
    ready.catch(() => undefined);
    return ready;
  }

  /** The view as it is now; when it was closed, as it was then. */
  current(): ViewReading {
    return this.#last ?? this.#feed.current();
  }

  /**
   * The view as it is, and from then on every change, as one event each: a
   * snapshot where something is known, then the status, then deltas, new
   * snapshots and changes of status as they come.
   *
   * A reader that falls more than 256 events behind loses none of the outcome:
   * the events it has not read are replaced by one snapshot (`LAGGED`). Ends
   * when the iterator is returned or the view is closed.
   *
   * @throws RollcallError what a server refuses for good
   */
  changes(): AsyncIterableIterator<ViewEvent, undefined> {
    const changes = new ViewChanges(this.#feed, (ended) => this.#changes.delete(ended));
    if (this.#closing.signal.aborted) void changes.return();
    else this.#changes.add(changes);
    return changes;
  }

  /** Ends the view and its iterators, at once. Idempotent. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#last = this.#feed.current();
    this.#closing.abort(this.#feed.closedError());
    for (const changes of this.#changes) void changes.return();
    this.#release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
