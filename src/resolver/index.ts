/** Name resolution for grpc-js: `rollcall:///payments` is where the payments service is, whatever happens to it. */
export { ROLLCALL_CHANNEL_OPTIONS } from './channel-options.js';
export { registerRollcallResolver } from './register.js';
export type { ResolverOptions, ResolverRegistration } from './register.js';
export { RETRY_POLICY } from './service-config.js';
export type { ServiceConfigInit } from './service-config.js';
