import { randomBytes } from 'node:crypto';
import type { Store } from '../contract.js';
import { EmbeddedStore, type EmbeddedStoreOptions } from '../embedded/embedded-store.js';
import type { Persistence } from '../embedded/persistence.js';

/** A store that lives as long as its process: for tests, and to try things out. */
export function openMemoryStore(options: EmbeddedStoreOptions = {}): Promise<Store> {
  return EmbeddedStore.open(nothingPersisted, options);
}

const nothingPersisted: Persistence = {
  load: async () => ({
    epoch: randomBytes(8).toString('hex'),
    revision: 0,
    floor: 0,
    entries: [],
    leases: [],
    history: [],
  }),
  write: async () => undefined,
  close: async () => undefined,
};
