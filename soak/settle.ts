import { setTimeout as sleep } from 'node:timers/promises';
import type { Endpoint } from '../src/gen/rollcall/v1/endpoint.js';
import { RawClient } from '../test/support/raw-client.js';
import { referenceMatches } from '../test/support/reference-selector.js';
import { MARKER_KEY } from '../test/support/validators/history.js';
import { describe } from '../test/support/validators/watch-views.js';
import type { Clients } from './clients.js';
import type { Recording } from './recording.js';
import { nameOf, SERVICES } from './targets.js';
import { CHECKPOINT_INTERVAL_MS } from './tapped-server.js';

/**
 * How long after the last fault every view has to be exact, and every stream to have had a checkpoint: a client sees
 * within 15 s that nobody is there any more at the other end of its connection, and needs another.
 */
const VIEWS_WITHIN_MS = 25_000;
/** And until what was lost is registered again: a client that loses one again and again waits for up to 30 s more. */
const REGISTERED_WITHIN_MS = 45_000;
/**
 * And how long until a view is right whose bytes were damaged. What is lost of a message may be waited for, and to see
 * that takes the client library a minute of silence: in the end alone there is time for that.
 */
const DAMAGED_WITHIN_MS = 75_000;
/** How long a change may be on its way. */
const DELIVERY_MS = 1_000;
/** A server that all is well with answers within this time. */
const CALL_TIMEOUT_MS = 5_000;
const LOOK_EVERY_MS = 100;

/**
 * Waits until everyone's view is what the server says to one who asks it directly, or the time for that is over, and
 * notes what everyone sees then. Returns how long it took.
 */
export async function settle(
  clients: Clients,
  recording: Recording,
  serverAddress: string,
  isLast: boolean,
): Promise<number> {
  const startMs = performance.now();
  using client = await RawClient.connect(serverAddress);
  client.callTimeoutMs = CALL_TIMEOUT_MS;
  await clients.rest();
  for (;;) {
    const elapsedMs = performance.now() - startMs;
    const truth = new Map<string, readonly Endpoint[]>();
    for (const service of SERVICES) truth.set(service, await endpointsOf(client, service));
    const late: string[] = [];
    if (elapsedMs < VIEWS_WITHIN_MS) late.push(...wrongViews(clients, truth, false), ...unread(clients, startMs));
    if (isLast && elapsedMs < DAMAGED_WITHIN_MS) late.push(...wrongViews(clients, truth, true));
    if (elapsedMs < REGISTERED_WITHIN_MS) late.push(...missing(clients, truth));
    if (late.length === 0) break;
    await sleep(LOOK_EVERY_MS);
  }
  recording.record({
    type: 'settled',
    machine: true,
    reading: clients.watchers.flatMap(({ reading }) => reading ?? []),
    checkpointIntervalMs: CHECKPOINT_INTERVAL_MS,
    deliveryMs: DELIVERY_MS,
    views: clients.viewers.flatMap(({ name, target, endpoints, isDamaged }) =>
      isDamaged && !isLast ? [] : { who: name, ...target, endpoints, damaged: isDamaged },
    ),
    kept: clients.registrars.flatMap(({ kept }) => kept),
  });
  return performance.now() - startMs;
}

async function endpointsOf(client: RawClient, service: string): Promise<readonly Endpoint[]> {
  const { endpoints, nextPageToken } = await client.listEndpoints({ ...nameOf(service), pageSize: 1_000 });
  if (nextPageToken !== '') throw new Error(`${service} does not fit into one page`);
  return endpoints;
}

function wrongViews({ viewers }: Clients, truth: ReadonlyMap<string, readonly Endpoint[]>, damaged: boolean): string[] {
  const looked = viewers.filter(({ isDamaged }) => isDamaged === damaged);
  return looked.flatMap(({ name, target: { service, selector }, endpoints }) => {
    const expected = (truth.get(service) ?? []).filter((endpoint) => referenceMatches(selector, endpoint));
    return describe(endpoints) === describe(expected) ? [] : name;
  });
}

/** Watchers without a stream that is open, or has been for long enough to have had a checkpoint. */
function unread(clients: Clients, startMs: number): string[] {
  const enoughMs = performance.now() - startMs > 2 * CHECKPOINT_INTERVAL_MS + DELIVERY_MS;
  return clients.watchers.flatMap(({ name, hears }) => (hears && enoughMs ? [] : name));
}

/** What is kept registered and is not there as it should be. */
function missing(clients: Clients, truth: ReadonlyMap<string, readonly Endpoint[]>): string[] {
  return clients.registrars.flatMap(({ kept }) =>
    kept.flatMap(({ service, id, markers }) => {
      const found = truth.get(service)?.find((endpoint) => endpoint.id === id)?.metadata[MARKER_KEY];
      return found !== undefined && markers.includes(found) ? [] : id;
    }),
  );
}
