import { orAbort } from '../../lib/linked-abort.js';
import { ViewChanges } from './view-changes.js';
import type { ViewFeed } from './view-feed.js';
import type { ViewEvent, ViewReading } from './view-reading.js';

/**
 * One service as its registry sees it, kept up to date until it is closed.
 *
 * Views of one service and selector in one client share one stream. Whatever
 * happens to servers and networks, a view that is known stays known: it is
 * never emptied but by a server's word that the service has no endpoints.
 */
export class ServiceView implements AsyncDisposable {
  /**
   * Settles when the view is known: as soon as a server answers or, when none
   * does within a second, from what was known before.
   *
   * While no server answers and nothing is remembered it does not settle, for
   * as long as that takes: a server may come. `current()` and `changes()` say
   * after that second what the problem is. Whoever would not wait for ever
   * closes the view, or aborts the `signal` that `watch` was given.
   *
   * Rejects with what a server refuses for good, after every server was asked
   * where that may be the fault of one (UNEXPECTED_STATUS, INTERNAL), or with
   * CLIENT_CLOSED when the view or the client is closed before. Whoever does
   * not wait for it need not catch.
   */
  readonly ready: Promise<void>;
  readonly #feed: ViewFeed;
  readonly #release: () => void;
  readonly #closing = new AbortController();
  readonly #changes = new Set<ViewChanges>();
  #last: ViewReading | undefined;

  /** @param release is called once, when the view is closed. Applications call `RollcallClient.watch`. */
  constructor(feed: ViewFeed, release: () => void) {
    this.#feed = feed;
    this.#release = release;
    this.ready = orAbort(feed.ready, this.#closing.signal);
    this.ready.catch(() => undefined);
  }

  get namespace(): string {
    return this.#feed.target.namespace;
  }

  get service(): string {
    return this.#feed.target.service;
  }

  /** The view as it is now; when it, or the client, was closed, as it was then. */
  current(): ViewReading {
    return this.#last ?? this.#feed.current();
  }

  /**
   * The view as it is, and from then on every change, as one event each: a
   * snapshot where something is known, then the status, then deltas, new
   * snapshots and changes of status as they come.
   *
   * A reader that falls more than 256 events behind loses none of the outcome:
   * the events it has not read are replaced by one snapshot (`LAGGED`) and the
   * status. Ends when the iterator is returned, or the view or the client is
   * closed.
   *
   * @throws RollcallError what a server refuses for good
   */
  changes(): AsyncIterableIterator<ViewEvent, undefined> {
    const changes = new ViewChanges(this.#feed, this.#changes);
    if (this.#closing.signal.aborted) void changes.return();
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
