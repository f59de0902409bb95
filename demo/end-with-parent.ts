// Loaded first in each process of the demonstration: however the one that started it ends, so does it.
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.once('disconnect', () => process.exit(1));
  // It may have ended before this was loaded.
  if (!process.connected) process.exit(1);
  // The channel alone is no reason to go on.
  process.channel?.unref();
}
