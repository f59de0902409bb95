import type { Store } from '../store/contract.js';

/** Abilities that some engines cannot have or cannot show to a test. */
export type Feature =
  /** A store that was closed can be opened again, with all it held. */
  | 'restart'
  /** The engine's process can be made to stop for a while. */
  | 'stall'
  /** History can be bounded by a number of revisions. */
  | 'history-by-count'
  /** History can be bounded by age. */
  | 'history-by-age';

/** How an engine is opened; bounds that are not given are wide. */
export interface StoreOpenOptions {
  readonly history?: { readonly countMax?: number; readonly ageMsMax?: number };
}

/** What the conformance suite needs to run on an engine. */
export interface StoreHarness {
  /** Opens a new store without entries. The suite closes it. */
  open(options?: StoreOpenOptions): Promise<Store>;

  /** Opens anew what `store` held, which the suite has closed. Feature `restart`. */
  reopen?(store: Store, options?: StoreOpenOptions): Promise<Store>;

  /**
   * Lets at least `ms` pass for every open store, and resolves when what fell
   * due has begun. A fake clock where the engine takes one, else a real wait.
   */
  advance(ms: number): Promise<void>;

  /** Lets `ms` pass in which no open store's process runs, as SIGSTOP does. Feature `stall`. */
  stall?(ms: number): Promise<void>;

  /** A TTL that the engine grants exactly. The suite waits for several of them. */
  readonly leaseTtlMs: number;

  /** How long after its TTL a lease's keys may still be there. */
  readonly leaseSlackMs: number;

  /** Features that the engine does not have, each with the reason. Cases that need one are skipped, and say so. */
  readonly exclusions: Readonly<Partial<Record<Feature, string>>>;
}
