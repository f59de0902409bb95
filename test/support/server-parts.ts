import { Catalog } from '../../src/catalog/catalog.js';
import { Listing } from '../../src/catalog/listing.js';
import { Reaper } from '../../src/catalog/reaper.js';
import type { Xxh64 } from '../../src/core/hash.js';
import { Directory } from '../../src/directory/directory.js';
import type { Store } from '../../src/store/contract.js';
import { WatchHub } from '../../src/watch/watch-hub.js';
import type { FakeClock } from './fake-clock.js';

export const CHECKPOINT_INTERVAL_MS = 2_000;

/** What a server is made of, above its store and below its transport. */
export interface Server {
  readonly directory: Directory;
  readonly reaper: Reaper;
  readonly catalog: Catalog;
  readonly listing: Listing;
  readonly hub: WatchHub;
}

export interface ServerOptions {
  readonly clock: FakeClock;
  readonly xxh64: Xxh64;
  readonly changesBytesMax: number;
}

/** Puts a server together on a store. */
export async function startServer(store: Store, { clock, xxh64, changesBytesMax }: ServerOptions): Promise<Server> {
  const onFailed = (error: Error): void => {
    throw error;
  };
  const directory = await Directory.open(store, { xxh64, clock, changesBytesMax, onFailed });
  const reaper = await Reaper.start(store, directory, clock);
  const newId = (): string => {
    throw new Error('endpoints of the model have ids');
  };
  return {
    directory,
    reaper,
    catalog: new Catalog(store, directory, { xxh64, newId }),
    listing: new Listing(directory, xxh64),
    hub: new WatchHub(directory, { xxh64, clock, checkpointIntervalMs: CHECKPOINT_INTERVAL_MS }),
  };
}
