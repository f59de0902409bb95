import { experimental, type ChannelOptions } from '@grpc/grpc-js';

/**
 * The default of grpc-js, 1 s growing to 2 minutes, leaves a backend that was restarted without calls for too long.
 * Constants, since connections are shared only between channels whose options are equal.
 */
const BACKOFF = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 5_000 } as const;

/** The options to connect with: the channel's, and ours where it says nothing. */
export function connectionOptions(channelOptions: ChannelOptions): ChannelOptions {
  const said = Object.entries(channelOptions).filter(
    ([key, value]) => value !== undefined && !key.startsWith(experimental.SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX),
  );
  return { ...BACKOFF, ...Object.fromEntries(said) };
}

/** Whether a connection made with one is as good as one made with the other. */
export function sameConnection(one: ChannelOptions, other: ChannelOptions): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && one[key] === other[key]);
}

/**
 * How long to wait before the next attempt after `failures` that were waited for already: the initial backoff, doubled
 * with each up to the maximum, and a fifth more or less, so that not all callers come back at once.
 *
 * @param fraction a random number in [0, 1)
 */
export function reconnectDelayMs(options: ChannelOptions, failures: number, fraction: number): number {
  const { 'grpc.initial_reconnect_backoff_ms': initialMs, 'grpc.max_reconnect_backoff_ms': maxMs } = {
    ...BACKOFF,
    ...options,
  };
  return Math.min(maxMs, initialMs * 2 ** failures) * (0.8 + 0.4 * fraction);
}
