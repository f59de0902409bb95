import type { PemCredentials } from '../connection/channel-credentials.js';

/** What the worker thread is started with. */
export interface LeaseWorkerData {
  /** `host:port` each, at least one. */
  readonly servers: readonly string[];
  /** Insecure unless given: credentials that are no plain data cannot be passed to a thread. */
  readonly credentials: PemCredentials | undefined;
  readonly loopBlockedMaxMs: number;
  /** Shared memory; see {@link COUNTERS}. */
  readonly counters: Int32Array<SharedArrayBuffer>;
}

/** What the main thread tells the worker. */
export type LeaseWorkerMessage =
  | { readonly type: 'keep'; readonly leaseId: bigint; readonly ttlMs: number }
  | { readonly type: 'forget'; readonly leaseId: bigint }
  /** The main thread is connected to this server: the one to try first. */
  | { readonly type: 'server'; readonly address: string };

/** Which counter is where: what the threads tell each other while one of them cannot take messages. */
export const COUNTERS = {
  /** Counted by the main thread at each turn of its beat. */
  beats: 0,
  /** Renewals of one lease each that the worker made; taken back to 0 by the main thread when it has read them. */
  renewals: 1,
  /** Calls of the worker that failed; as above. */
  failures: 2,
} as const;
