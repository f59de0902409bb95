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
  const unlinks = parents.map((parent) => {
    const follow = (): void => controller.abort(parent?.reason);
    if (parent?.aborted === true) follow();
    parent?.addEventListener('abort', follow, { once: true });
    return () => parent?.removeEventListener('abort', follow);
  });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    unlink: () => {
      for (const unlink of unlinks) unlink();
    },
  };
}

/**
 * Waits for `promise`, but no longer than until `signal` is aborted.
 *
 * @throws the signal's reason; whatever the promise does then goes unnoticed
 */
export async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}
