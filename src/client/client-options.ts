import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Selector } from '../gen/rollcall/v1/selector.js';
import type { Clock } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import type { PemCredentials } from './connection/channel-credentials.js';
import type { ClientLogger } from './logger.js';

/** A selector of which any part may be left out; see `Selector` in the protos. */
export type SelectorInit = Partial<Selector>;

export interface RollcallClientOptions {
  /**
   * The servers of one catalog, `host:port` each, with 7400 for the port unless
   * told. By default those of the environment variable ROLLCALL_SERVER,
   * separated by commas, or else `127.0.0.1:7400`.
   */
  readonly servers?: readonly string[] | undefined;
  /** For every call that names none; `default` by default. */
  readonly namespace?: string | undefined;
  /**
   * The zone that this process runs in: that of the endpoints it registers, unless they name another, and the one
   * whose endpoints its calls prefer. By default that of the environment variable ROLLCALL_ZONE, or else none.
   */
  readonly zone?: string | undefined;
  /** PEMs, or what grpc-js makes credentials of; insecure by default. */
  readonly credentials?: ChannelCredentials | PemCredentials | undefined;
  /** Told what the client does by itself; a pino logger will do. Silent by default. */
  readonly logger?: ClientLogger | undefined;
  /**
   * A directory, made if it is not there, for the last known view of each
   * watched service, one file each. A process that starts while no server
   * answers begins with it. None by default: views are then remembered within
   * the process alone. Processes may share it, unless their catalogs differ.
   */
  readonly cacheDir?: string | undefined;
  /** A last known view that was confirmed longer ago is not used; 86,400,000 (a day) by default. */
  readonly cacheMaxAgeMs?: number | undefined;
  /** How long a call may take, its retries on other servers included, unless the call says; 10,000 by default. */
  readonly callTimeoutMs?: number | undefined;
  /**
   * Whether a thread of its own renews the leases of registrations while the
   * event loop of this one is blocked; true by default. It runs while there are
   * registrations. With TLS it needs `credentials` as PEMs.
   */
  readonly renewWhileBlocked?: boolean | undefined;
  /**
   * An event loop that has been blocked for longer than this is taken for dead, and its leases are left to lapse;
   * 60,000 by default.
   */
  readonly loopBlockedMaxMs?: number | undefined;
  /** For tests. */
  readonly clock?: Clock | undefined;
  /** For tests. */
  readonly random?: Random | undefined;
}

/** What every call can be told. */
export interface CallOptions {
  /** The client's namespace unless given. */
  readonly namespace?: string | undefined;
  /** Ends the call with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** `callTimeoutMs` of the client unless given. May be Infinity. */
  readonly timeoutMs?: number | undefined;
}

export interface RegisterOptions extends Omit<CallOptions, 'namespace'> {
  /** How long the endpoint outlives its last renewal, in milliseconds, rounded to whole ones: 1 s to 24 h, 15 s unless given. */
  readonly ttlMs?: number | undefined;
}

export interface WatchOptions {
  /** The client's namespace unless given. */
  readonly namespace?: string | undefined;
  /** Which endpoints; all unless given. */
  readonly selector?: SelectorInit | undefined;
  /** Ends the watch. */
  readonly signal?: AbortSignal | undefined;
}

export interface FollowOptions extends WatchOptions {
  /** Goes on from where an earlier watch of the same service and selector was, whose view the application still has. */
  readonly resumeToken?: string | undefined;
}

export interface ListOptions extends CallOptions {
  /** Read state at least as new as this token, such as that of a registration. */
  readonly minToken?: string | undefined;
  /** How many to ask for at a time, 1–1000; the server's default, 100, unless given. */
  readonly pageSize?: number | undefined;
}

export interface ListEndpointsOptions extends ListOptions {
  /** Which endpoints; all unless given. */
  readonly selector?: SelectorInit | undefined;
}

export interface DeregisterOptions extends CallOptions {
  readonly service: string;
  readonly endpointId: string;
  /** The lease it was registered under. */
  readonly leaseId: bigint;
}
