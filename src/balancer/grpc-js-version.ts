import { createRequire } from 'node:module';
import { experimental } from '@grpc/grpc-js';
import { RollcallError } from '../core/errors.js';

/** What grpc-js calls experimental may change with any minor version; these were read and tried. */
const MINOR = '1.14.';
const PATCH_MIN = 5;

const FUNCTIONS = [
  'registerResolver',
  'registerLoadBalancerType',
  'isLoadBalancerNameRegistered',
  'parseLoadBalancingConfig',
  'createChildChannelControlHelper',
  'endpointToString',
  'LeafLoadBalancer',
  'QueuePicker',
  'UnavailablePicker',
] as const;

const LEAF_METHODS = ['startConnecting', 'updateEndpoint', 'getConnectivityState', 'getPicker', 'exitIdle', 'destroy'];

/**
 * Makes sure that the grpc-js which is loaded is one that the resolver and the balancer were written for.
 *
 * @throws RollcallError UNSUPPORTED_GRPC_JS, which names the version and what is wrong with it.
 */
export function checkGrpcJs(): void {
  // Found from this file, as the import above was, so that it is the copy that is used.
  const { version } = createRequire(import.meta.url)('@grpc/grpc-js/package.json') as { version: string };
  const fault = grpcJsFault(version, experimental);
  if (fault !== undefined) throw new RollcallError('UNSUPPORTED_GRPC_JS', fault, { metadata: { version } });
}

/** What is wrong with a version of grpc-js and its experimental API, for people; undefined when nothing is. */
export function grpcJsFault(version: string, api: object): string | undefined {
  const patch = version.startsWith(MINOR) ? version.slice(MINOR.length) : '';
  if (!/^\d+$/.test(patch) || Number(patch) < PATCH_MIN) {
    return `@grpc/grpc-js ${version} is loaded; the resolver and the balancer need ~${MINOR}${PATCH_MIN}`;
  }
  const shapes = api as Readonly<Record<string, unknown>>;
  const missing: string[] = FUNCTIONS.filter((name) => typeof shapes[name] !== 'function');
  const leaf = (shapes['LeafLoadBalancer'] as { prototype?: Record<string, unknown> } | undefined)?.prototype ?? {};
  missing.push(
    ...LEAF_METHODS.filter((name) => typeof leaf[name] !== 'function').map((name) => `LeafLoadBalancer.${name}`),
  );
  if (missing.length === 0) return undefined;
  return `@grpc/grpc-js ${version} is loaded, and its experimental API lacks ${missing.join(', ')}`;
}
