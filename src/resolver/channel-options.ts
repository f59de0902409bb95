import type { ChannelOptions } from '@grpc/grpc-js';

/**
 * Options for channels to `rollcall:` targets, to be spread into one's own.
 *
 * Where the environment has an HTTP proxy (`grpc_proxy`, `https_proxy` or
 * `http_proxy`), grpc-js would send a channel of any scheme there; these keep
 * it from doing so.
 */
export const ROLLCALL_CHANNEL_OPTIONS = {
  'grpc.enable_http_proxy': 0,
} as const satisfies ChannelOptions;

/** The variable that names a proxy to grpc-js, if there is one. */
export function proxyVariable(environment: NodeJS.ProcessEnv): string | undefined {
  return ['grpc_proxy', 'https_proxy', 'http_proxy'].find((name) => (environment[name] ?? '') !== '');
}
