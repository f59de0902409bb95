import { loadXxh64 } from '../../../src/core/hash.js';
import { canonicalSelector, MATCH_ALL, type CanonicalSelector } from '../../../src/core/selector.js';
import { WatchResponse } from '../../../src/gen/rollcall/v1/discovery.js';
import { Endpoint } from '../../../src/gen/rollcall/v1/endpoint.js';
import { LabelRequirement_Operator as Operator } from '../../../src/gen/rollcall/v1/selector.js';
import { openMemoryStore } from '../../../src/store/memory/memory-store.js';
import { Outlet } from '../../../src/watch/outlet.js';
import { FakeClock } from '../../support/fake-clock.js';
import { PacedSink } from '../../support/paced-sink.js';
import { CHECKPOINT_INTERVAL_MS, startServer, type Server } from '../../support/server-parts.js';

let clock: FakeClock;
let server: Server;

beforeEach(async () => {
  clock = new FakeClock({ soonByItself: false });
  const xxh64 = await loadXxh64();
  const store = await openMemoryStore({ clock });
  server = await startServer(store, { clock, xxh64, changesBytesMax: 1 << 20 });
});

/** Registers and waits for the answer, without letting the hub get further than it would by itself. */
async function register(id: string, service = 'payments', padBytes = 0): Promise<void> {
  const addresses = [{ host: '10.0.0.1', port: 80 }];
  const endpoint = Endpoint.fromPartial({ service, id, addresses, metadata: { pad: 'x'.repeat(padBytes) } });
  const registered = server.catalog.register({ endpoint, ttlMs: 3_600_000, requestId: '' });
  const answered = registered.then(() => true);
  const notYet = async () => (await clock.turn(), false);
  while (!(await Promise.race([answered, notYet()])));
}

interface Watcher {
  readonly sink: PacedSink;
  readonly received: WatchResponse[];
  readonly ids: () => string[];
}

async function watch(
  options: { service?: string; selector?: CanonicalSelector; writeMs?: number; reads?: boolean } = {},
): Promise<Watcher> {
  const { service = 'payments', selector = MATCH_ALL, writeMs = 0, reads = true } = options;
  const received: WatchResponse[] = [];
  const onMessage = (message: Buffer) => void received.push(WatchResponse.decode(message));
  const sink = new PacedSink(clock, { onQueued: () => undefined, onMessage, onEnd: () => undefined }, writeMs);
  if (!reads) sink.stop();
  const name = { namespace: 'default', service };
  const target = { name, selector, token: undefined, viewDigest: undefined, connection: 'c' };
  await server.hub.watch(target, new Outlet(sink), new AbortController().signal);
  return { sink, received, ids: () => idsAfter(received) };
}

/** What a client holds after these messages. */
function idsAfter(messages: readonly WatchResponse[]): string[] {
  let view = new Set<string>();
  let chunks = { revision: -1, ids: new Set<string>() };
  for (const { event, revision } of messages) {
    if (event?.$case === 'snapshot') {
      if (chunks.revision !== revision) chunks = { revision, ids: new Set() };
      for (const { id } of event.value.endpoints) chunks.ids.add(id);
      if (event.value.last) view = chunks.ids;
    } else if (event?.$case === 'delta') {
      for (const { endpointId } of event.value.removed) view.delete(endpointId);
      for (const { id } of event.value.upserted) view.add(id);
    }
  }
  return [...view].sort();
}

const kinds = ({ received }: Watcher) => received.map(({ event }) => event?.$case);

describe('the watch hub', () => {
  it('tells every watcher of a change that comes in between two slices of checkpoints', async () => {
    const watchers = await Promise.all(Array.from({ length: 64 }, () => watch({ writeMs: 1 })));
    await register('elsewhere', 'orders');
    // The first slice of the checkpoints that are due ends with the time it may take; the others wait.
    while (clock.fireNext(CHECKPOINT_INTERVAL_MS - 1)) await clock.settle();
    clock.fireNext(CHECKPOINT_INTERVAL_MS);
    for (let turn = 0; turn < 4; turn++) await clock.turn();
    expect(watchers.some((watcher) => kinds(watcher).includes('checkpoint'))).toBe(true);
    expect(watchers.every((watcher) => kinds(watcher).includes('checkpoint'))).toBe(false);
    await register('late');
    await clock.settle();
    for (const watcher of watchers) expect(watcher.ids()).toEqual(['late']);
  });

  it('brings idle watchers up to date while another service never stops changing', async () => {
    const busy = await Promise.all(Array.from({ length: 16 }, () => watch({ service: 'busy', writeMs: 1 })));
    const idle = await watch();
    for (let round = 0; !kinds(idle).includes('checkpoint'); round++) {
      expect(round).toBeLessThan(10_000);
      await register(`e${round % 5}`, 'busy');
      clock.fireNext(clock.monotonicMs());
    }
    expect(busy[0]?.ids().length).toBeGreaterThan(0);
  });

  it('starts over with a reader that is amid a snapshot from long ago, and ends exact', async () => {
    for (let index = 0; index < 10; index++) await register(`e${index}`, 'payments', 16_000);
    const slow = await watch({ reads: false });
    for (let index = 0; index < 20; index++) {
      await watch();
      await register(`later${index}`);
      await clock.settle();
    }
    slow.sink.goOn();
    await clock.settle();
    expect(slow.ids().length).toBe(30);
    const revisions = new Set(slow.received.filter(({ event }) => event?.$case === 'snapshot').map((m) => m.revision));
    expect(revisions.size).toBe(2);
  });

  it('lets a slow reader finish the snapshot it began if the view changed a few times meanwhile', async () => {
    for (let index = 0; index < 10; index++) await register(`e${index}`, 'payments', 16_000);
    const slow = await watch({ reads: false });
    for (let index = 0; index < 3; index++) {
      await watch();
      await register(`later${index}`);
      await clock.settle();
    }
    slow.sink.goOn();
    await clock.settle();
    expect(slow.ids().length).toBe(13);
    expect(kinds(slow).at(-1)).toBe('delta');
  });

  it('refuses more different selectors of one service than it can hold every change against', async () => {
    const selectorOf = (value: string) =>
      canonicalSelector({
        labelRequirements: [{ key: 'k', operator: Operator.IN, values: [value] }],
        health: [],
        zones: [],
      });
    const connections = Array.from({ length: 1_000 }, (_, index) => index);
    for (const index of connections) {
      const sink = new PacedSink(clock, {
        onQueued: () => undefined,
        onMessage: () => undefined,
        onEnd: () => undefined,
      });
      const name = { namespace: 'default', service: 'payments' };
      const target = { name, selector: selectorOf(`v${index}`), token: undefined, viewDigest: undefined };
      await server.hub.watch({ ...target, connection: `c${index}` }, new Outlet(sink), new AbortController().signal);
    }
    await expect(watch({ selector: selectorOf('one more') })).rejects.toMatchObject({ reason: 'TOO_MANY_WATCHES' });
    await watch({ selector: selectorOf('v7') });
    await watch({ service: 'orders', selector: selectorOf('one more') });
    expect(server.hub.counts).toMatchObject({ watches: 1_002, topics: 1_001 });
  });
});
