/**
 * Waits until `read` returns something truthy, and resolves to it. Rejects with `what` once `deadlineMs` (15,000 unless
 * told) have passed: a bound for tests that hang, far above what any machine should need.
 */
export async function until<T>(
  what: string,
  read: () => T | Promise<T>,
  deadlineMs = 15_000,
): Promise<Exclude<T, false | undefined | null>> {
  const endsMs = performance.now() + deadlineMs;
  for (;;) {
    const value = await read();
    if (value !== false && value !== undefined && value !== null) return value as Exclude<T, false | undefined | null>;
    if (performance.now() > endsMs) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** `promise`, unless it takes longer than `deadlineMs`; then a rejection that names what did not happen. */
export async function within<T>(what: string, promise: Promise<T>, deadlineMs = 15_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${deadlineMs} ms in vain until ${what}`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
