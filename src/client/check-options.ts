import { LIMITS } from '../core/limits.js';
import { checkServiceName } from '../core/names.js';
import { checkSelector } from '../core/selector.js';
import * as shape from '../core/shape.js';
import { Violations } from '../core/violations.js';
import { Health } from '../gen/rollcall/v1/endpoint.js';
import { LabelRequirement_Operator, type LabelRequirement, type Selector } from '../gen/rollcall/v1/selector.js';
import type {
  CallOptions,
  DeregisterOptions,
  FollowOptions,
  ListEndpointsOptions,
  ListOptions,
  RegisterOptions,
  RollcallClientOptions,
  SelectorInit,
  WatchOptions,
} from './client-options.js';
import { isPemCredentials, type PemCredentials } from './connection/channel-credentials.js';
import type { CallLimits } from './connection/connection.js';
import type { ClientLogger } from './logger.js';
import type { WatchTarget } from './view/service-watch.js';

/**
 * What the methods of the client take, checked where they are called, so that a
 * mistake is named there and not by a server, or by nobody. Each check throws
 * INVALID_FIELD; the fields of options are their names.
 */

const texts = shape.listOf(shape.text, 'a list of strings');

const pem = shape.matching('a PEM', (value) => shape.isText(value) || ArrayBuffer.isView(value));

const pems = shape.objectOf<PemCredentials>({ rootCerts: pem, privateKey: pem, certChain: pem });

const credentials: shape.Shape = (violations, value, field) => {
  // What grpc-js makes is its own affair.
  if (!shape.isObject(value) || isPemCredentials(value)) pems(violations, value, field);
};

const LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies (keyof ClientLogger)[];

const logger = shape.matching('a logger, with debug, info, warn and error', (value) => {
  return shape.isObject(value) && LEVELS.every((level) => typeof value[level] === 'function');
});

const clientOptions = shape.objectOf<RollcallClientOptions>(
  {
    servers: shape.listOf(shape.text, 'a list of host:port'),
    namespace: shape.nameOrEmpty('namespace'),
    zone: shape.nameOrEmpty('localityPart'),
    credentials,
    logger,
    cacheDir: shape.text,
    cacheMaxAgeMs: shape.duration,
    callTimeoutMs: shape.duration,
    renewWhileBlocked: shape.flag,
    loopBlockedMaxMs: shape.duration,
    clock: shape.unlisted,
    random: shape.unlisted,
  },
  { server: "write servers: ['host:port']", address: "write servers: ['host:port']" },
);

const limits = { signal: shape.abortSignal, timeoutMs: shape.duration } satisfies shape.Properties<CallLimits>;

const callOptions = { ...limits, namespace: shape.nameOrEmpty('namespace') } satisfies shape.Properties<CallOptions>;

const listOptions = {
  ...callOptions,
  minToken: shape.text,
  pageSize: shape.wholeNumber(0, LIMITS.pageSizeMax),
} satisfies shape.Properties<ListOptions>;

const selector = shape.objectOf<SelectorInit>(
  {
    labelRequirements: shape.listOf(
      shape.objectOf<LabelRequirement>({
        key: shape.required(shape.text),
        operator: shape.required(shape.memberOf('LabelOperator', LabelRequirement_Operator, 'IN')),
        values: shape.required(texts),
      }),
      'a list of { key, operator, values }',
    ),
    health: shape.listOf(shape.memberOf('Health', Health, 'HEALTHY'), 'a list of Health'),
    zones: texts,
  },
  { zone: "write zones: ['a']", labels: 'write labelRequirements: [{ key, operator, values }]' },
);

const PARTS_OF_SELECTOR = {
  zone: "write selector: { zones: ['a'] }",
  zones: 'write selector: { zones }',
  labelRequirements: 'write selector: { labelRequirements }',
  health: 'write selector: { health }',
};

const watchOptions = {
  namespace: callOptions.namespace,
  selector,
  signal: shape.abortSignal,
} satisfies shape.Properties<WatchOptions>;

const OF_THE_ENDPOINT = 'it belongs to the endpoint, the first argument';

const CHECKS = {
  client: clientOptions,
  limits: shape.objectOf<CallLimits>(limits),
  register: shape.objectOf<RegisterOptions>(
    { ...limits, ttlMs: shape.milliseconds(LIMITS.ttlMsMin, LIMITS.ttlMsMax) },
    { namespace: OF_THE_ENDPOINT, weight: OF_THE_ENDPOINT, labels: OF_THE_ENDPOINT, metadata: OF_THE_ENDPOINT },
  ),
  deregister: shape.objectOf<DeregisterOptions>(
    {
      ...callOptions,
      service: shape.required(shape.text),
      endpointId: shape.required(shape.text),
      leaseId: shape.required(
        shape.matching('a bigint', (value) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value),
      ),
    },
    { id: 'write endpointId' },
  ),
  watch: shape.objectOf<WatchOptions>(watchOptions, PARTS_OF_SELECTOR),
  follow: shape.objectOf<FollowOptions>({ ...watchOptions, resumeToken: shape.text }, PARTS_OF_SELECTOR),
  listEndpoints: shape.objectOf<ListEndpointsOptions>({ ...listOptions, selector }, PARTS_OF_SELECTOR),
  listServices: shape.objectOf<ListOptions>(listOptions),
} as const satisfies Record<string, shape.Shape>;

/** @throws RollcallError INVALID_FIELD for options that `call` does not have, or values that are none of theirs */
export function checkOptions(call: keyof typeof CHECKS, options: unknown): void {
  shape.checkShape(CHECKS[call], options);
}

/**
 * The service that a call is about, and the endpoints of it.
 *
 * @throws RollcallError INVALID_FIELD for names or a selector that are none
 */
export function targetOf(name: { namespace: string; service: string }, selectorInit?: SelectorInit): WatchTarget {
  shape.checkShape(shape.text, name.service, 'service');
  const violations = new Violations();
  const names = checkServiceName(violations, name);
  const wanted = toSelector(selectorInit);
  const { key: selectorKey } = checkSelector(violations, wanted, 'selector');
  violations.throwIfAny();
  return { ...names, selector: wanted, selectorKey };
}

function toSelector(init: SelectorInit | undefined): Selector | undefined {
  if (init === undefined) return undefined;
  const { labelRequirements = [], health = [], zones = [] } = init;
  return { labelRequirements, health, zones };
}
