import type { FeedReader, ViewFeed } from './view-feed.js';
import type { ViewEvent } from './service-view.js';

/** Events that wait for one reader; past it they are replaced by one snapshot. */
const EVENTS_MAX = 256;

type Waiter = {
  resolve(result: IteratorResult<ViewEvent, undefined>): void;
  reject(error: unknown): void;
};

/** The events of a feed for one reader, of which a bounded number waits. */
export class ViewChanges implements AsyncIterableIterator<ViewEvent, undefined>, FeedReader {
  readonly #feed: ViewFeed;
  readonly #onEnded: (changes: ViewChanges) => void;
  #events: ViewEvent[];
  #lagging = false;
  #waiters: Waiter[] = [];
  #end: { readonly error: unknown } | undefined;

  constructor(feed: ViewFeed, onEnded: (changes: ViewChanges) => void) {
    this.#feed = feed;
    this.#onEnded = onEnded;
    this.#events = feed.picture('INITIAL');
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
    this.#onEnded(this);
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
