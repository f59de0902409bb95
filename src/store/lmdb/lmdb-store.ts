import type { Store } from '../contract.js';
import { EmbeddedStore, type EmbeddedStoreOptions } from '../embedded/embedded-store.js';
import { openLmdbPersistence } from './index.js';

export interface LmdbStoreOptions extends EmbeddedStoreOptions {
  /** Made if it does not exist. One store at a time has it open. */
  readonly dataDir: string;
  /** Begins a new history on the old data, as must be after restoring a backup. */
  readonly newEpoch?: boolean;
}

/**
 * A store on disk. Everything is also held in memory; LMDB makes it outlive the
 * process.
 *
 * @throws RollcallError STORE_LOCKED, STORE_CORRUPT, STORE_FORMAT, STORE_FULL, STORE_UNAVAILABLE
 */
export async function openLmdbStore({ dataDir, newEpoch = false, ...options }: LmdbStoreOptions): Promise<Store> {
  return EmbeddedStore.open(await openLmdbPersistence({ dataDir, newEpoch }), options);
}
