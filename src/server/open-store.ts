import type { Clock } from '../lib/clock.js';
import type { Store } from '../store/contract.js';
import { openLmdbStore } from '../store/lmdb/lmdb-store.js';
import { openMemoryStore } from '../store/memory/memory-store.js';
import type { Config } from './settings.js';

export interface OpenStoreOptions {
  readonly clock: Clock;
  /** Begin a new history on the old data. */
  readonly newEpoch: boolean;
}

/** Opens the engine that the configuration names. @throws RollcallError STORE_LOCKED, STORE_CORRUPT, STORE_FORMAT, STORE_UNAVAILABLE */
export function openStore(config: Config, { clock, newEpoch }: OpenStoreOptions): Promise<Store> {
  const history = { countMax: config['history-count-max'], ageMsMax: config['history-age-max'] };
  switch (config.store) {
    case 'memory':
      return openMemoryStore({ clock, history });
    case 'lmdb':
      return openLmdbStore({ clock, history, dataDir: config['data-dir'], newEpoch });
  }
}
