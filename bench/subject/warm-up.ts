import { connectMany } from './connect-many.js';
import { fillService } from './fill-service.js';
import type { Subject } from './subject.js';
import { WatcherGroup } from './watcher-group.js';

const SERVICE = 'warm-up';

const REGISTRATIONS = 3_000;

const WATCHERS = 20;

/**
 * Has a subject do for a while what it will be measured by. Servers run for
 * weeks, and V8 compiles only what has run often.
 */
export async function warmUp(subject: Subject): Promise<void> {
  const connections = await connectMany(subject, WATCHERS);
  const watchers = await WatcherGroup.open(connections, { service: SERVICE, perConnection: 1 });
  const registrations = await fillService(connections[0]!, { service: SERVICE, count: REGISTRATIONS, bytes: 200 });
  await watchers.reach(Math.max(...registrations.map(({ revision }) => revision)));
  for (const connection of connections) connection.close();
}
