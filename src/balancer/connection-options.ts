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
