import type { Clock } from '../lib/clock.js';
import type { Store } from '../store/contract.js';
import { openLmdbStore } from '../store/lmdb/lmdb-store.js';
import { openMemoryStore } from '../store/memory/memory-store.js';
import type { Config } from './settings.js';

export interface OpenStoreOptions {
  readonly clock: Clock;
  /** Begin a new history on the old data. */
  readonly newEpoch: boolean;
  /** Told when writes begin to fail, with why, and with undefined once they succeed again. */
  readonly onWriteState: (failure: unknown) => void;
}

/** Opens the engine that the configuration names. @throws RollcallError STORE_LOCKED, STORE_CORRUPT, STORE_FORMAT, STORE_FULL, STORE_UNAVAILABLE */
export function openStore(config: Config, { clock, newEpoch, onWriteState }: OpenStoreOptions): Promise<Store> {
  const history = {
    countMax: config['history-count-max'],
    ageMsMax: config['history-age-max'],
    bytesMax: config['history-memory-max'] * 1024 * 1024,
  };
  switch (config.store) {
    case 'memory':
      return openMemoryStore({ clock, history, onWriteState });
    case 'lmdb':
      return openLmdbStore({ clock, history, onWriteState, dataDir: config['data-dir'], newEpoch });
  }
}
