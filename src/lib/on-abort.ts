/** Those who follow a signal that is not aborted. */
const followers = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `fn` once when `signal` is aborted: at once, if it is. Returns what
 * stops that.
 *
 * However many follow one signal, it has one listener. To stop costs the same
 * for each of them, which removing a listener does not, and Node has nothing to
 * warn of when an application gives one signal to many calls.
 */
export function onAbort(signal: AbortSignal, fn: () => void): () => void {
  if (signal.aborted) {
    fn();
    return () => {};
  }
  const following = followers.get(signal) ?? follow(signal);
  // Of its own, for an `fn` that follows twice.
  const call = (): void => fn();
  following.add(call);
  return () => void following.delete(call);
}

function follow(signal: AbortSignal): Set<() => void> {
  const following = new Set<() => void>();
  followers.set(signal, following);
  signal.addEventListener(
    'abort',
    () => {
      for (const call of following) call();
      following.clear();
    },
    { once: true },
  );
  return following;
}
