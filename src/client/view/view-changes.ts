import type { FeedReader, ViewFeed } from './view-feed.js';
import type { ViewEvent } from './view-reading.js';

/** Events that wait for one reader; past it they are replaced by one snapshot. */
const EVENTS_MAX = 256;

type Waiter = {
  resolve(result: IteratorResult<ViewEvent, undefined>): void;
  reject(error: unknown): void;
};

/** The events of a feed for one reader, of which a bounded number waits. */
export class ViewChanges implements AsyncIterableIterator<ViewEvent, undefined>, FeedReader {
  readonly #feed: ViewFeed;
  readonly #siblings: Set<ViewChanges>;
  #events: ViewEvent[];
  #lagging = false;
  #waiters: Waiter[] = [];
  #end: { readonly error: unknown } | undefined;

  /** @param siblings it is one of them until it ends */
  constructor(feed: ViewFeed, siblings: Set<ViewChanges>) {
    this.#feed = feed;
    this.#siblings = siblings;
    this.#events = feed.picture('INITIAL');
    siblings.add(this);
    feed.attach(this);
  }

  tell(event: ViewEvent): void {
    if (this.#end !== undefined || this.#lagging) return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value: event });
    } else if (this.#events.length < EVENTS_MAX) {
      this.#events.push(event);
    } else {
      // What the reader gets instead is made when it asks, and so as new as can be.
      this.#events = [];
      this.#lagging = true;
    }
  }

  end(error?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#feed.detach(this);
    this.#siblings.delete(this);
    for (const waiter of this.#waiters.splice(0)) this.#finish(waiter);
  }

  next(): Promise<IteratorResult<ViewEvent, undefined>> {
    if (this.#lagging) {
      this.#lagging = false;
      this.#events = this.#feed.picture('LAGGED');
    }
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      if (this.#end === undefined) this.#waiters.push(waiter);
      else this.#finish(waiter);
    });
  }

  return(): Promise<IteratorResult<ViewEvent, undefined>> {
    this.#events = [];
    this.#lagging = false;
    this.end();
    // Whoever returns an iterator has no use for the error that it would have thrown.
    this.#end = { error: undefined };
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** An error is thrown once; after it there is nothing. */
  #finish(waiter: Waiter): void {
    const error = this.#end?.error;
    this.#end = { error: undefined };
    if (error === undefined) waiter.resolve({ done: true, value: undefined });
    else waiter.reject(error);
  }
}
