import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/lib/clock.js';
import type { Store } from '../../src/store/contract.js';
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import type { CommitGroup, Persistence } from '../../src/store/embedded/persistence.js';
import { openLmdbPersistence } from '../../src/store/lmdb/index.js';
import { openMemoryStore } from '../../src/store/memory/memory-store.js';
import { DiskGate } from '../support/disk-gate.js';
import { RamDisk } from '../support/ram-disk.js';

export interface EngineOptions {
  readonly clock: Clock;
  readonly history: { readonly countMax: number; readonly ageMsMax: number };
  /** A group is on disk. */
  readonly onWritten: (group: CommitGroup) => void;
}

/** Where one run keeps its data. Opened anew after each restart. */
export interface Engine {
  /** Whether its data outlives a server, and its disk can fail. */
  readonly hasDisk: boolean;
  open(options: EngineOptions): Promise<{ readonly store: Store; readonly gate: DiskGate }>;
  dispose(): void;
}

async function openBehindGate(persistence: Persistence, { onWritten, ...options }: EngineOptions) {
  const gate = new DiskGate(persistence, onWritten);
  return { gate, store: await EmbeddedStore.open(gate.persistence, options) };
}

/** The state machine of the embedded engines, on a disk in memory. */
export function ramEngine(): Engine {
  const disk = new RamDisk();
  return { hasDisk: true, open: (options) => openBehindGate(disk, options), dispose: () => undefined };
}

/** The lmdb engine, with a gate before its disk. */
export function lmdbEngine(): Engine {
  const dataDir = mkdtempSync(join(tmpdir(), 'rollcall-model-'));
  return {
    hasDisk: true,
    open: async (options) => openBehindGate(await openLmdbPersistence({ dataDir }), options),
    dispose: () => rmSync(dataDir, { recursive: true }),
  };
}

/** The memory engine as it is: nothing outlives it, and no disk can fail. */
export function memoryEngine(): Engine {
  const noDisk = new DiskGate(new RamDisk());
  return {
    hasDisk: false,
    open: async ({ clock, history }) => ({ gate: noDisk, store: await openMemoryStore({ clock, history }) }),
    dispose: () => undefined,
  };
}
