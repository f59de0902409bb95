import { onAbort } from './on-abort.js';

/** An abort of one's own that also follows others, until it is unlinked. */
export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Stops following the parents. Call it when the work is done, or they hold on to it for as long as they live. */
  unlink(): void;
}

/**
 * Links to every given parent: the first of them to abort passes its reason
 * on. Unlike `AbortSignal.any`, whose dependents live-long signals gather in
 * Node 20, it lets go when told.
 */
export function linkAbort(...parents: readonly (AbortSignal | undefined)[]): LinkedAbort {
  const controller = new AbortController();
  const unlinks = parents
    .filter((parent) => parent !== undefined)
    .map((parent) => onAbort(parent, () => controller.abort(parent.reason)));
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    unlink: () => {
      for (const unlink of unlinks) unlink();
    },
  };
}

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/** Those who wait for promises that have not settled. */
const waiting = new WeakMap<Promise<unknown>, Set<Waiter<never>>>();

/**
 * Waits for `promise`, but no longer than until `signal` is aborted. Of a wait
 * that was given up nothing stays behind, however long the promise lives:
 * unlike `Promise.race`, which leaves its reactions with it.
 *
 * @throws the signal's reason; whatever the promise does then goes unnoticed
 */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const waiters = waitersFor(promise);
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const unfollow = onAbort(signal, () => {
      waiters.delete(waiter);
      reject(signal.reason as Error);
    });
    const waiter: Waiter<T> = {
      resolve: (value) => {
        unfollow();
        resolve(value);
      },
      reject: (error) => {
        unfollow();
        reject(error);
      },
    };
    waiters.add(waiter);
  });
}

function waitersFor<T>(promise: Promise<T>): Set<Waiter<T>> {
  const present = waiting.get(promise);
  if (present !== undefined) return present;
  const waiters = new Set<Waiter<T>>();
  waiting.set(promise, waiters);
  const settle = (tell: (waiter: Waiter<T>) => void): void => {
    // Whoever comes now waits anew: nobody would tell those who join these.
    waiting.delete(promise);
    for (const waiter of waiters) tell(waiter);
  };
  promise.then(
    (value) => settle((waiter) => waiter.resolve(value)),
    (error: unknown) => settle((waiter) => waiter.reject(error as Error)),
  );
  return waiters;
}
