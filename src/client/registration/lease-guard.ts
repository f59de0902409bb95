import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Clock, Timer } from '../../lib/clock.js';
import { messageOf } from '../../lib/message-of.js';
import { lookEveryMs } from './blocked-renewals.js';
import { isPemCredentials, type PemCredentials } from '../connection/channel-credentials.js';
import { COUNTERS, type LeaseWorkerData, type LeaseWorkerMessage } from './lease-worker-protocol.js';
import type { ClientLogger } from '../logger.js';

/** Where the sources are run as they are, there is no such file, and no thread that could run it. */
const WORKER_FILE = new URL('./lease-worker.js', import.meta.url);

/** A shorter delay is of no interest unless leases were renewed meanwhile. */
const LAG_MS_MIN = 1_000;

export interface LeaseGuardOptions {
  /** `host:port` each, at least one. */
  readonly servers: readonly string[];
  /** Insecure unless given. */
  readonly credentials: ChannelCredentials | PemCredentials | undefined;
  readonly loopBlockedMaxMs: number;
  readonly clock: Clock;
  readonly logger: ClientLogger;
  /** For tests. */
  readonly workerFile?: URL | undefined;
}

/** A thread that runs. */
interface Running {
  readonly worker: Worker;
  readonly counters: Int32Array<SharedArrayBuffer>;
}

/**
 * Sees to it that a blocked event loop does not cost leases: has them renewed
 * from a thread of its own meanwhile, and says so afterwards. The thread runs
 * while there are leases, and keeps no process alive. Where it cannot run, that
 * is logged, and all else goes on without it.
 */
export class LeaseGuard {
  readonly #options: LeaseGuardOptions;
  readonly #ttlsMs = new Map<bigint, number>();
  #running: Running | undefined;
  /** The thread could not be started, or died. */
  #failed = false;
  #server: string | undefined;
  #timer: Timer | undefined;
  #periodMs = Infinity;
  #beatMs = 0;

  constructor(options: LeaseGuardOptions) {
    this.#options = options;
  }

  /** Guards a lease from now on. */
  keep(leaseId: bigint, ttlMs: number): void {
    if (this.#failed || this.#ttlsMs.get(leaseId) === ttlMs) return;
    this.#ttlsMs.set(leaseId, ttlMs);
    this.#running ??= this.#start();
    this.#tell({ type: 'keep', leaseId, ttlMs });
    this.#beatEvery(lookEveryMs(ttlMs));
  }

  forget(leaseId: bigint): void {
    if (!this.#ttlsMs.delete(leaseId)) return;
    this.#tell({ type: 'forget', leaseId });
    if (this.#ttlsMs.size === 0) this.close();
  }

  /** The server that the leases are known to. */
  noteServer(address: string): void {
    this.#server = address;
    this.#tell({ type: 'server', address });
  }

  /** Ends the thread. Idempotent. */
  close(): void {
    const { worker } = this.#running ?? {};
    this.#running = undefined;
    this.#ttlsMs.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#periodMs = Infinity;
    void worker?.terminate();
  }

  #start(): Running | undefined {
    const { servers, loopBlockedMaxMs, logger, workerFile = WORKER_FILE } = this.#options;
    const credentials = asData(this.#options.credentials);
    if (!existsSync(workerFile)) {
      this.#failed = true;
      logger.debug({}, 'no thread renews leases while the event loop is blocked: it is not there to be run');
      return undefined;
    }
    if (credentials === 'opaque') {
      this.#failed = true;
      logger.info({}, 'leases are not renewed while the event loop is blocked: give `credentials` as PEMs for that');
      return undefined;
    }
    const counters = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
    const workerData: LeaseWorkerData = { servers, credentials, loopBlockedMaxMs, counters };
    try {
      // What Node was told to load or watch in the main thread is not for this one.
      const worker = new Worker(workerFile, { workerData, execArgv: [], name: 'rollcall leases' });
      worker.unref();
      worker.on('error', (error) => this.#onFailed(worker, error));
      worker.on('exit', (code) => this.#onFailed(worker, new Error(`it ended with code ${code}`)));
      this.#running = { worker, counters };
      if (this.#server !== undefined) this.#tell({ type: 'server', address: this.#server });
      return this.#running;
    } catch (error) {
      this.#onFailed(undefined, error);
      return undefined;
    }
  }

  #onFailed(worker: Worker | undefined, error: unknown): void {
    if (this.#running?.worker !== worker) return;
    this.#failed = true;
    this.close();
    const why = messageOf(error);
    const message = `the thread that renews leases while the event loop is blocked does not run: ${why}`;
    this.#options.logger.warn({ err: error }, message);
  }

  #tell(message: LeaseWorkerMessage): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#running?.worker.postMessage(message);
  }

  #beatEvery(periodMs: number): void {
    if (this.#running === undefined || periodMs >= this.#periodMs) return;
    this.#periodMs = periodMs;
    this.#beatMs = this.#options.clock.monotonicMs();
    this.#timer?.cancel();
    this.#timer = this.#options.clock.every(periodMs, () => this.#beat());
  }

  #beat(): void {
    if (this.#running === undefined) return;
    const { clock, logger } = this.#options;
    const { counters } = this.#running;
    const nowMs = clock.monotonicMs();
    const lagMs = Math.round(nowMs - this.#beatMs - this.#periodMs);
    this.#beatMs = nowMs;
    Atomics.add(counters, COUNTERS.beats, 1);
    const renewals = Atomics.exchange(counters, COUNTERS.renewals, 0);
    const failures = Atomics.exchange(counters, COUNTERS.failures, 0);
    // What the thread had asked for when the loop turned again is answered after this, and is not worth a line.
    if (lagMs < this.#periodMs || (lagMs < LAG_MS_MIN && renewals + failures === 0)) return;
    const message = `the event loop was blocked for ${lagMs} ms; leases were renewed ${renewals} times meanwhile`;
    logger.warn({ lagMs, renewals, failures }, message);
  }
}

/** Credentials as they can be passed to a thread: undefined for none, `opaque` where they cannot. */
function asData(credentials: LeaseGuardOptions['credentials']): PemCredentials | 'opaque' | undefined {
  if (credentials === undefined || isPemCredentials(credentials)) return credentials;
  // oxlint-disable-next-line eslint/no-underscore-dangle -- nothing else tells insecure credentials from others
  return credentials._isSecure() ? 'opaque' : undefined;
}
