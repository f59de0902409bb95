import { Observable, type Subscriber } from 'rxjs';
import type { ServiceView, ViewEvent, ViewReading } from '../client/index.js';

/** A view as Observables. Both are cold, may be subscribed to any number of times, and at any time. */
export interface ViewObservables {
  /**
   * What `view.current()` says: at once, whatever it says, and whenever its
   * endpoints, its status or the problem have changed. Changes that come
   * together, or faster than they are taken, are one state: the latest.
   */
  readonly states: Observable<ViewReading>;
  /** What `view.changes()` tells, from its beginning: the picture of the moment, then every change. */
  readonly events: Observable<ViewEvent>;
}

/**
 * The Observables of a view. They complete when the view, or its client, is
 * closed, and error with what a server refuses for good. For each subscription
 * no more is held than for an iterator of `changes()`; unsubscribing lets go of
 * it at once.
 *
 * The view stays the caller's, and is not closed when nobody subscribes any more.
 */
export function fromView(view: ServiceView): ViewObservables {
  return {
    states: new Observable((subscriber) => {
      let shown = view.current();
      subscriber.next(shown);
      return follow(view, subscriber, () => {
        const state = view.current();
        if (isSame(state, shown)) return;
        shown = state;
        subscriber.next(state);
      });
    }),
    events: new Observable((subscriber) => follow(view, subscriber, (event) => subscriber.next(event))),
  };
}

/**
 * Takes every event until the view ends, or the returned teardown is called.
 *
 * RxJS' own `from()` would do, but for the teardown: it leaves an iterator that
 * waits for its next value to wait, and would hold on to it for as long as
 * nothing changes.
 */
function follow(view: ServiceView, subscriber: Subscriber<unknown>, take: (event: ViewEvent) => void): () => void {
  const changes = view.changes();
  const takeAll = async (): Promise<void> => {
    try {
      for await (const event of changes) take(event);
      subscriber.complete();
    } catch (error) {
      subscriber.error(error);
    }
  };
  void takeAll();
  return () => void changes.return?.();
}

/** Whether two readings differ in nothing but their age. */
function isSame(a: ViewReading, b: ViewReading): boolean {
  if (a.status !== b.status || a.problem !== b.problem) return false;
  return a.status === 'unknown' || b.status === 'unknown' || a.endpoints === b.endpoints;
}
