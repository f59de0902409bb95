import type { Entry, LeaseId } from '../contract.js';
import type { CommitGroup, PersistedLease } from '../embedded/persistence.js';

/** A row of the tables `kv` and `leases`, before it is encoded; without a value, one that is to go. */
export type LatestRow =
  | { readonly table: 'kv'; readonly id: string; readonly value: Entry | undefined }
  | { readonly table: 'leases'; readonly id: LeaseId; readonly value: PersistedLease | undefined };

/** Groups, as far as they change keys and leases: what each of these was last made. */
export class LatestRows {
  readonly kv = new Map<string, Entry | undefined>();
  readonly leases = new Map<LeaseId, PersistedLease | undefined>();
  #valueBytes = 0;

  get size(): number {
    return this.kv.size + this.leases.size;
  }

  /** Of all values that were taken, also those that were replaced since. */
  get valueBytes(): number {
    return this.#valueBytes;
  }

  take({ batches, leasesGranted, leasesEnded }: Omit<CommitGroup, 'revision' | 'floor'>): void {
    for (const { changes } of batches) {
      for (const { key, entry } of changes) {
        this.kv.set(key, entry);
        this.#valueBytes += entry?.value.length ?? 0;
      }
    }
    for (const lease of leasesGranted) this.leases.set(lease.id, lease);
    for (const id of leasesEnded) this.leases.set(id, undefined);
  }

  /** In the order of the tables, so that neighbours come together. */
  sorted(): LatestRow[] {
    const kv = [...this.kv].map(([id, value]): LatestRow => ({ table: 'kv', id, value }));
    const leases = [...this.leases].map(([id, value]): LatestRow => ({ table: 'leases', id, value }));
    const byId = (a: LatestRow, b: LatestRow) => (a.id < b.id ? -1 : 1);
    return [...kv.sort(byId), ...leases.sort(byId)];
  }
}
