import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../src/store/contract.js';
import { openLmdbStore } from '../../src/store/lmdb/lmdb-store.js';
import type { StoreOpenOptions } from '../../src/testing/index.js';
import { FakeClock } from '../support/fake-clock.js';
import { runConformance } from '../support/run-conformance.js';

const root = mkdtempSync(join(tmpdir(), 'rollcall-lmdb-'));
afterAll(() => rmSync(root, { recursive: true }));

let directories = 0;

runConformance('lmdb', () => {
  const clock = new FakeClock();
  const dataDirOf = new WeakMap<Store, string>();
  const openAt = async (dataDir: string, options: StoreOpenOptions = {}): Promise<Store> => {
    const store = await openLmdbStore({ dataDir, clock, ...options });
    dataDirOf.set(store, dataDir);
    return store;
  };
  return {
    open: (options) => openAt(join(root, String(directories++)), options),
    reopen: (store, options) => openAt(dataDirOf.get(store)!, options),
    advance: (ms) => clock.advance(ms),
    stall: async (ms) => clock.stall(ms),
    leaseTtlMs: 2_000,
    leaseSlackMs: 300,
    exclusions: {},
  };
});
