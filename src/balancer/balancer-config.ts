import { LIMITS } from '../core/limits.js';
import { Violations } from '../core/violations.js';
import { parseGrpcDuration } from './grpc-duration.js';

/** How calls are spread over the endpoints of a service. */
export interface BalancerConfig {
  /** The caller's own zone, whose endpoints are preferred. Empty for no preference. */
  readonly zone: string;
  /** With so many connected endpoints in the own zone, every call stays there. At least 1; 2 by default. */
  readonly zoneEndpointsMin: number;
  /** To how many endpoints this process connects at most. All when undefined. */
  readonly subsetSize: number | undefined;
  /** Which subset; equal keys choose equally. Random for the process when undefined. */
  readonly subsetKey: string | undefined;
  /** In how long a new endpoint reaches its full share. 0, the default, for at once. */
  readonly slowStartWindowMs: number;
}

/** {@link BalancerConfig} as it stands in a service config, beside `rollcall` in `loadBalancingConfig`. */
export interface BalancerConfigJson {
  zone?: string;
  zoneEndpointsMin?: number;
  subsetSize?: number;
  subsetKey?: string;
  /** As gRPC writes durations: `30s`, `0.5s`. */
  slowStartWindow?: string;
}

const KEYS = ['zone', 'zoneEndpointsMin', 'subsetSize', 'subsetKey', 'slowStartWindow'] as const;

const COUNT_MAX = 1_000_000;
const SUBSET_KEY_LENGTH_MAX = 1_024;
const SLOW_START_WINDOW_MS_MAX = 60 * 60 * 1_000;

/**
 * Reads a configuration, with defaults for what is left out.
 *
 * @throws RollcallError INVALID_FIELD naming each field that is of the wrong type, out of bounds or unknown.
 */
export function parseBalancerConfig(json: unknown): BalancerConfig {
  const violations = new Violations();
  const isObject = typeof json === 'object' && json !== null && !Array.isArray(json);
  violations.check(isObject, 'rollcall', 'must be an object');
  const given: Readonly<Record<string, unknown>> = isObject ? (json as Record<string, unknown>) : {};
  for (const key of Object.keys(given)) {
    violations.check((KEYS as readonly string[]).includes(key), key, `is unknown; there are ${KEYS.join(', ')}`);
  }
  const config = {
    zone: readText(given, 'zone', LIMITS.localityPartLengthMax, violations) ?? '',
    zoneEndpointsMin: readCount(given, 'zoneEndpointsMin', violations) ?? 2,
    subsetSize: readCount(given, 'subsetSize', violations),
    subsetKey: readText(given, 'subsetKey', SUBSET_KEY_LENGTH_MAX, violations),
    slowStartWindowMs: readWindowMs(given, violations),
  };
  violations.throwIfAny();
  return config;
}

type Given = Readonly<Record<string, unknown>>;
type Key = (typeof KEYS)[number];

function readText(given: Given, key: Key, lengthMax: number, violations: Violations): string | undefined {
  const value = given[key];
  if (value === undefined) return undefined;
  const ok = typeof value === 'string' && value.length <= lengthMax;
  return violations.check(ok, key, `must be a string of at most ${lengthMax} characters`)
    ? (value as string)
    : undefined;
}

function readCount(given: Given, key: Key, violations: Violations): number | undefined {
  const value = given[key];
  if (value === undefined) return undefined;
  const ok = Number.isInteger(value) && (value as number) >= 1 && (value as number) <= COUNT_MAX;
  return violations.check(ok, key, `must be an integer from 1 to ${COUNT_MAX}`) ? (value as number) : undefined;
}

function readWindowMs(given: Given, violations: Violations): number {
  const value = given['slowStartWindow'];
  if (value === undefined) return 0;
  const { seconds, nanos } = parseGrpcDuration(value) ?? { seconds: NaN, nanos: 0 };
  const ms = seconds * 1_000 + nanos / 1_000_000;
  const ok = ms <= SLOW_START_WINDOW_MS_MAX;
  violations.check(ok, 'slowStartWindow', 'must be a duration such as "30s", from "0s" to "3600s"');
  return ms;
}
