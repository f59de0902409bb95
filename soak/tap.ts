// Loaded into the server before its own code (`node --import`): writes down, with the machine's clock, what becomes true
// in its store and when it could not run. The server itself knows nothing of it. Written at once, so that it outlives
// `kill -9`.
import { openSync, writeSync } from 'node:fs';
import { machineMs } from '../demo/machine-clock.js';
import type { Entry, Store } from '../src/store/contract.js';
import type {
  EmbeddedStore as EmbeddedStoreClass,
  EmbeddedStoreOptions,
} from '../src/store/embedded/embedded-store.js';
import type { Persistence } from '../src/store/embedded/persistence.js';
import type { TapLine, TappedEntry } from './tap-lines.js';

/** How often it looks whether this process could run, and from when on it says that it could not: so exact are its times. */
const LOOK_MS = 20;
const LATE_MS = 50;

const { searchParams } = new URL(import.meta.url);
const file = openSync(searchParams.get('file') ?? '', 'a');
/** The newest revision that an earlier process told of; none for the first. */
const told = searchParams.get('after');

function tell(line: TapLine, ms = machineMs()): void {
  writeSync(file, `${JSON.stringify({ ms, ...line })}\n`);
}

let lastLookMs = machineMs();
setInterval(() => {
  const nowMs = machineMs();
  const lateMs = nowMs - lastLookMs - LOOK_MS;
  if (lateMs > LATE_MS) tell({ type: 'stall', lastedMs: lateMs }, lastLookMs + LOOK_MS);
  lastLookMs = nowMs;
}, LOOK_MS).unref();

const { EmbeddedStore } = (await import(searchParams.get('store') ?? '')) as {
  EmbeddedStore: typeof EmbeddedStoreClass;
};
const open = EmbeddedStore.open.bind(EmbeddedStore);
EmbeddedStore.open = async (persistence: Persistence, options?: EmbeddedStoreOptions) => {
  // Leases begin with a full TTL from here.
  let loadedMs = machineMs();
  const load = persistence.load.bind(persistence);
  persistence.load = async () => {
    const state = await load();
    loadedMs = machineMs();
    return state;
  };
  const store = await open(persistence, options);
  await follow(store, loadedMs);
  return store;
};

async function follow(store: Store, loadedMs: number): Promise<void> {
  let atMs: number | undefined = loadedMs;
  if (told === null) tell({ type: 'start', epoch: store.epoch, precisionMs: LATE_MS }, loadedMs);
  store.follow(Number(told ?? 0), {
    onBatches: (batches) => {
      // To write them down takes time; they became true together.
      const shownMs = atMs ?? machineMs();
      for (const { revision, changes } of batches) {
        const tapped = changes.map(({ key, entry }) => ({
          key,
          ...(entry === undefined ? {} : { entry: tappedEntry(entry) }),
        }));
        tell({ type: 'revision', revision, changes: tapped }, shownMs);
      }
    },
    onCompacted: (floor) => tell({ type: 'floor', floor }),
    onEnd: (error) => {
      throw error;
    },
  });
  if (told !== null) {
    const { entries, revision } = await store.range({ prefix: '', limit: 1_000_000 });
    tell({ type: 'restart', epoch: store.epoch, revision, entries: entries.map(tappedEntry) }, loadedMs);
  }
  tell({ type: 'floor', floor: store.floor }, loadedMs);
  atMs = undefined;
  const renew = store.renewLeases.bind(store);
  store.renewLeases = async (leases) => {
    const nowMs = machineMs();
    const ttls = await renew(leases);
    const leaseIds = leases.filter((_, place) => ttls[place] !== undefined);
    if (leaseIds.length > 0) tell({ type: 'renewed', leaseIds }, nowMs);
    return ttls;
  };
}

function tappedEntry({ key, value, createRevision, modRevision, lease }: Entry): TappedEntry {
  const base64 = Buffer.from(value).toString('base64');
  return { key, value: base64, createRevision, modRevision, ...(lease === undefined ? {} : { lease }) };
}
