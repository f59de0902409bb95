import { randomBytes } from 'node:crypto';
import type { Entry, LeaseId } from '../../src/store/contract.js';
import type {
  CommitGroup,
  PersistedLease,
  PersistedState,
  Persistence,
  TimedBatch,
} from '../../src/store/embedded/persistence.js';

/** What embedded stores write, kept in memory: it outlives them, as a disk does, but not its test. */
export class RamDisk implements Persistence {
  /** Groups written so far. */
  readonly groups: CommitGroup[] = [];
  readonly #epoch = randomBytes(8).toString('hex');
  readonly #entries = new Map<string, Entry>();
  readonly #leases = new Map<LeaseId, PersistedLease>();
  #history: TimedBatch[] = [];
  #revision = 0;
  #floor = 0;

  async load(): Promise<PersistedState> {
    return {
      epoch: this.#epoch,
      revision: this.#revision,
      floor: this.#floor,
      entries: [...this.#entries.values()],
      leases: [...this.#leases.values()],
      history: [...this.#history],
    };
  }

  async write(group: CommitGroup): Promise<void> {
    this.groups.push(group);
    for (const { changes } of group.batches) {
      for (const { key, entry } of changes) {
        if (entry === undefined) this.#entries.delete(key);
        else this.#entries.set(key, entry);
      }
    }
    for (const lease of group.leasesGranted) this.#leases.set(lease.id, lease);
    for (const id of group.leasesEnded) this.#leases.delete(id);
    this.#revision = group.revision;
    this.#floor = group.floor;
    this.#history = [...this.#history, ...group.batches].filter(({ revision }) => revision > group.floor);
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}
