import { orAbort } from '../../lib/linked-abort.js';
import { onAbort } from '../../lib/on-abort.js';
import { ServiceView } from './service-view.js';
import { ViewFeed, type FeedContext } from './view-feed.js';
import type { WatchTarget } from './service-watch.js';

interface OpenFeed {
  readonly feed: ViewFeed;
  readonly stop: AbortController;
  /** One for each view that is open: has its signal let go of it. */
  readonly views: Map<ServiceView, () => void>;
}

/** The feeds of a client: one for each service and selector that is watched, for as long as it is. */
export class ViewFeeds {
  readonly #context: FeedContext;
  readonly #open = new Map<string, OpenFeed>();
  /** Every feed that has not come to its end, also where nobody watches any more. */
  readonly #running = new Set<Promise<void>>();

  constructor(context: FeedContext) {
    this.#context = context;
  }

  /** A view of the target, owned by the caller. It is closed when `signal` is aborted. */
  open(target: WatchTarget, signal?: AbortSignal): ServiceView {
    const key = JSON.stringify([target.namespace, target.service, target.selectorKey]);
    let entry = this.#open.get(key);
    // One that a server has refused is not to be shared: whoever asks next, asks anew.
    if (entry === undefined || entry.feed.ended) entry = this.#begin(key, target);
    const { feed, views } = entry;
    let unlink = (): void => {};
    const view = new ServiceView(feed, () => {
      unlink();
      views.delete(view);
      if (views.size === 0) this.#end(key, entry);
    });
    views.set(view, () => unlink());
    if (signal !== undefined) unlink = onAbort(signal, () => view.close());
    return view;
  }

  /**
   * Writes what is to be written of every view, for no longer than `timeoutMs`, which may be Infinity. To be called when
   * the connection is closed, which ends all feeds. Never throws.
   */
  async close(timeoutMs: number): Promise<void> {
    const { clock, logger, lastKnownGood } = this.#context;
    const late = new AbortController();
    const timer = Number.isFinite(timeoutMs) ? clock.after(timeoutMs, () => late.abort()) : undefined;
    try {
      await orAbort(
        Promise.all(this.#running).then(() => lastKnownGood.flush()),
        late.signal,
      );
    } catch (error) {
      logger.warn({ err: error }, 'the last known views could not be written before the client was closed');
    } finally {
      timer?.cancel();
    }
  }

  #begin(key: string, target: WatchTarget): OpenFeed {
    const { connection } = this.#context;
    const entry = {
      feed: new ViewFeed(target, this.#context),
      stop: new AbortController(),
      views: new Map<ServiceView, () => void>(),
    };
    this.#open.set(key, entry);
    const release = connection.hold();
    const scope = connection.scope(entry.stop.signal);
    const running = entry.feed.run(scope.signal).finally(() => {
      this.#end(key, entry);
      for (const unlink of entry.views.values()) unlink();
      scope.unlink();
      release();
      this.#running.delete(running);
    });
    this.#running.add(running);
    return entry;
  }

  #end(key: string, entry: OpenFeed): void {
    if (this.#open.get(key) === entry) this.#open.delete(key);
    entry.stop.abort(entry.feed.closedError());
  }
}
