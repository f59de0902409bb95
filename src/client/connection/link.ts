import { Channel, connectivityState, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import { createClientFactory, type Client } from 'nice-grpc';
import { isRollcallError, RollcallError } from '../../core/errors.js';
import { DiscoveryServiceService } from '../../gen/rollcall/v1/discovery.js';
import { RegistryServiceService } from '../../gen/rollcall/v1/registry.js';
import type { Clock } from '../../lib/clock.js';
import { onAbort } from '../../lib/on-abort.js';
import { callErrors } from './call-error.js';
import { OpenedSockets } from './opened-sockets.js';
import { SharedWatches } from './shared-watches.js';

/** A connection to one server. Owned by the {@link Connection} that dialled it. */
export interface Link {
  /** `host:port`. */
  readonly address: string;
  /** For clients of other services. */
  readonly channel: Channel;
  readonly registry: Client<typeof RegistryServiceService>;
  readonly discovery: Client<typeof DiscoveryServiceService>;
  /** For watches whose messages are taken as fast as they come. */
  readonly shared: SharedWatches;
  /** Calls `fn` once, when the connection is lost. To be called once. */
  onLost(fn: () => void): void;
  /** Closes the connection when the calls that run on it have ended. Idempotent. */
  close(): void;
}

export interface DialOptions {
  readonly credentials: ChannelCredentials;
  readonly clock: Clock;
  /** How long connecting may take, TLS and HTTP/2 SETTINGS included. */
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** Makes clients whose errors are RollcallErrors. */
export const clientFactory = createClientFactory().use(callErrors);

/** Connects to one server, once. */
export type Dial = (address: string, options: DialOptions) => Promise<Link>;

/**
 * Connects to one server, once.
 *
 * @throws RollcallError SERVER_UNREACHABLE, or the signal's reason
 */
export async function dial(address: string, options: DialOptions): Promise<Link> {
  const channel = new Channel(address, options.credentials, channelOptions(options));
  const sockets = new OpenedSockets();
  const registry = clientFactory.create(RegistryServiceService, channel);
  try {
    const outcome = await sockets.run(() => firstOutcome(channel, options));
    if (outcome === 'late') throw unreachable(address, `no connection within ${options.connectTimeoutMs} ms`);
    if (outcome === 'failed') throw unreachable(address, await whyFailed(registry));
    options.signal.throwIfAborted();
    sockets.release();
  } catch (error) {
    channel.close();
    sockets.destroy();
    throw error;
  }
  const discovery = clientFactory.create(DiscoveryServiceService, channel);
  return {
    address,
    channel,
    registry,
    discovery,
    shared: new SharedWatches(discovery),
    onLost: (fn) => channel.watchConnectivityState(connectivityState.READY, Infinity, () => fn()),
    close: () => channel.close(),
  };
}

function channelOptions({ connectTimeoutMs }: DialOptions): ChannelOptions {
  return {
    // A proxy for HTTP between a process and its control plane is never what was meant.
    'grpc.enable_http_proxy': 0,
    // Pings find the connection whose other end went without a word. The server must allow them.
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    // Ours alone, so that closing the channel closes the connection, and so that another
    // client's backoff does not delay us.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.service_config_disable_resolution': 1,
    // Retries are ours: they change servers.
    'grpc.enable_retries': 0,
    // nice-grpc teaches grpc-js this one: no attempt goes on for longer, should ours not end it.
    'grpc.min_reconnect_backoff_ms': connectTimeoutMs,
  };
}

/** grpc-js itself waits for ever for the SETTINGS of a server that accepts the connection and says nothing. */
function firstOutcome(
  channel: Channel,
  { clock, connectTimeoutMs, signal }: DialOptions,
): Promise<'ready' | 'failed' | 'late'> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let settled = false;
    function settle(finish: () => void): void {
      settled = true;
      watchdog.cancel();
      unfollow();
      finish();
    }
    function look(): void {
      if (settled) return;
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) settle(() => resolve('ready'));
      else if (state === connectivityState.TRANSIENT_FAILURE) settle(() => resolve('failed'));
      else channel.watchConnectivityState(state, Infinity, look);
    }
    const watchdog = clock.after(connectTimeoutMs, () => settle(() => resolve('late')));
    const unfollow = onAbort(signal, () => settle(() => reject(signal.reason as Error)));
    look();
  });
}

/** A call on a channel that has just failed to connect is answered at once, with the reason that nothing else tells. */
async function whyFailed(registry: Link['registry']): Promise<string> {
  try {
    await registry.renew({ leaseIds: [] });
    return 'connecting failed';
  } catch (error) {
    if (!isRollcallError(error)) throw error;
    // Only for the eye: grpc-js wraps the system's words in many of its own.
    return error.message.replace(/^No connection established\. Last error: (Error: )?|\. Resolution note: *$/g, '');
  }
}

function unreachable(address: string, why: string): RollcallError {
  return new RollcallError('SERVER_UNREACHABLE', `${address}: ${why}`);
}
