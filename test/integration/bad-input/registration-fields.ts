import { LIMITS } from '../../../src/core/limits.js';
import type {
  DeregisterResponse,
  RegisterResponse,
  RenewResponse,
  UpdateEndpointResponse,
} from '../../../src/gen/rollcall/v1/registry.js';
import type { RequestOf } from './methods.js';
import { answered, entries, invalid, nameOf, registration, row, type Refused, type Row } from './row.js';

const LEASE_MAX = 2n ** 63n - 1n;
const UNKNOWN_LEASE = 4_503_599_627_370_495n;
const MISMATCH: Refused = { status: 'FAILED_PRECONDITION', reason: 'LEASE_MISMATCH', fields: ['lease_id'] };

/** Leases that were never given out, or are not this endpoint's. */
const WRONG_LEASES: readonly (readonly [string, bigint])[] = [
  ['lease 0', 0n],
  ['a negative lease', -1n],
  ['lease 2^63 - 1', LEASE_MAX],
  ['a lease that never was', UNKNOWN_LEASE],
];

type Ttl = NonNullable<RequestOf<'Register'>['ttl']>;

function ttl(input: string, value: Ttl, ms?: number): Row {
  const request = { ...registration({ id: 'ttl' }), ttl: value };
  if (ms === undefined) return row('Register', input, request, invalid('ttl'));
  return row(
    'Register',
    input,
    request,
    answered(`granted ${ms} ms`, (answer: RegisterResponse) => {
      expect(answer.ttl).toEqual({ seconds: BigInt(Math.trunc(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 });
    }),
  );
}

const gone = answered('a token: it is gone', (answer: DeregisterResponse) => expect(answer.resumeToken).not.toBe(''));

function update(input: string, request: RequestOf<'UpdateEndpoint'>, outcome: Row['outcome']): Row {
  const { endpoint, ...rest } = request;
  return row(
    'UpdateEndpoint',
    input,
    ({ held }) => ({ leaseId: held.leaseId, ...rest, endpoint: { service: held.service, id: held.id, ...endpoint } }),
    outcome,
  );
}

/** The rest of `Register`, and `Deregister`, `UpdateEndpoint`, `Renew` and `KeepAlive`. */
export const REGISTRATION_FIELDS: readonly Row[] = [
  row(
    'Register',
    'no TTL',
    registration({ id: 'ttl' }),
    answered('granted 15 s', (answer: RegisterResponse) => expect(answer.ttl?.seconds).toBe(15n)),
  ),
  ttl('a TTL of 0', { seconds: 0n }),
  ttl('a TTL of 999 ms', { nanos: 999_000_000 }),
  ttl('a TTL of 1 s', { seconds: 1n }, LIMITS.ttlMsMin),
  ttl('a TTL finer than milliseconds', { seconds: 1n, nanos: 1_999_999 }, 1_001),
  ttl('a TTL of 24 h', { seconds: 86_400n }, LIMITS.ttlMsMax),
  ttl('a TTL of 24 h and 1 ms', { seconds: 86_400n, nanos: 1_000_000 }),
  ttl('a negative TTL', { seconds: -1n }),
  ttl('a TTL of -2^63 s', { seconds: -(2n ** 63n) }),
  ttl('a TTL of 2^63 - 1 s', { seconds: LEASE_MAX }),
  ttl('a TTL whose parts differ in sign', { seconds: 2n, nanos: -1 }),
  ttl('a TTL with more nanoseconds than a second has', { seconds: 1n, nanos: 1_000_000_000 }),

  row(
    'Register',
    `a request_id of ${LIMITS.requestIdLengthMax} characters`,
    { ...registration({}), requestId: nameOf(LIMITS.requestIdLengthMax) },
    answered('registered'),
  ),
  row(
    'Register',
    `a request_id of ${LIMITS.requestIdLengthMax + 1} characters`,
    { ...registration({}), requestId: nameOf(LIMITS.requestIdLengthMax + 1) },
    invalid('request_id'),
  ),
  row('Register', 'a request_id with a space', { ...registration({}), requestId: 'a b' }, invalid('request_id')),
  row(
    'Register',
    'a request_id without an id',
    { ...registration({ id: '' }), requestId: 'a' },
    invalid('endpoint.id'),
  ),

  row('Deregister', 'no id', { service: 'held', leaseId: 1n }, invalid('endpoint_id')),
  row(
    'Deregister',
    'names past their bounds',
    {
      namespace: nameOf(LIMITS.namespaceLengthMax + 1),
      service: nameOf(LIMITS.serviceLengthMax + 1),
      endpointId: nameOf(LIMITS.endpointIdLengthMax + 1),
    },
    invalid('namespace', 'service', 'endpoint_id'),
  ),
  row(
    'Deregister',
    'an endpoint that never was',
    { service: 'held', endpointId: 'nobody', leaseId: UNKNOWN_LEASE },
    gone,
  ),
  ...WRONG_LEASES.map(([input, leaseId]) =>
    row('Deregister', input, { service: 'held', endpointId: 'a', leaseId }, MISMATCH),
  ),
  row(
    'Deregister',
    'the lease of another endpoint',
    ({ held }) => ({ service: 'other', endpointId: 'a', leaseId: held.leaseId }),
    MISMATCH,
  ),

  row('UpdateEndpoint', 'no endpoint', { updateMask: ['weight'], leaseId: 1n }, invalid('endpoint')),
  update('no field mask', { endpoint: { weight: 1 } }, invalid('update_mask')),
  update('an empty field mask', { updateMask: [] }, invalid('update_mask')),
  ...['', 'Weight', 'addresses', 'id', 'endpoint.weight', 'labels.a', 'mod_revision', '*', 'constructor'].map((path) =>
    update(
      `a path that is not updatable: ${JSON.stringify(path)}`,
      { updateMask: ['weight', path] },
      invalid('update_mask.paths[1]'),
    ),
  ),
  update(
    `${LIMITS.updateMaskPathsMax} paths, some twice`,
    { updateMask: Array.from({ length: LIMITS.updateMaskPathsMax }, () => 'weight') },
    answered('updated'),
  ),
  update(
    `${LIMITS.updateMaskPathsMax + 1} paths`,
    { updateMask: Array.from({ length: LIMITS.updateMaskPathsMax + 1 }, () => 'weight') },
    invalid('update_mask'),
  ),
  update(
    'names past their bounds',
    {
      endpoint: {
        namespace: nameOf(LIMITS.namespaceLengthMax + 1),
        service: nameOf(LIMITS.serviceLengthMax + 1),
        id: nameOf(LIMITS.endpointIdLengthMax + 1),
      },
      updateMask: ['weight'],
    },
    invalid('endpoint.namespace', 'endpoint.service', 'endpoint.id'),
  ),
  update(
    `weight ${LIMITS.weightMax + 1}`,
    { endpoint: { weight: LIMITS.weightMax + 1 }, updateMask: ['weight'] },
    invalid('endpoint.weight'),
  ),
  update(
    `weight ${LIMITS.weightMax + 1}, not in the mask`,
    { endpoint: { weight: LIMITS.weightMax + 1 }, updateMask: ['health'] },
    answered('updated; fields outside the mask are ignored', ({ endpoint }: UpdateEndpointResponse) =>
      expect(endpoint!.weight).toBe(100),
    ),
  ),
  update(
    'no weight, though the mask names it',
    { updateMask: ['weight'] },
    answered('updated to 100', ({ endpoint }: UpdateEndpointResponse) => expect(endpoint!.weight).toBe(100)),
  ),
  update(
    `${LIMITS.labelsMax + 1} labels`,
    { endpoint: { labels: entries(LIMITS.labelsMax + 1) }, updateMask: ['labels'] },
    invalid('endpoint.labels'),
  ),
  update('health SUSPECT', { endpoint: { health: 4 }, updateMask: ['health'] }, invalid('endpoint.health')),
  update(
    'metadata that make the endpoint larger than 64 KiB',
    {
      endpoint: { metadata: Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((key) => [key, 'v'.repeat(16_000)])) },
      updateMask: ['metadata'],
    },
    invalid('endpoint'),
  ),
  update(
    'an endpoint that never was',
    { endpoint: { id: 'nobody' }, updateMask: ['weight'] },
    { status: 'NOT_FOUND', reason: 'ENDPOINT_NOT_FOUND' },
  ),
  ...WRONG_LEASES.map(([input, leaseId]) => update(input, { updateMask: ['weight'], leaseId }, MISMATCH)),
  update('the lease of another endpoint', { endpoint: { service: 'other' }, updateMask: ['weight'] }, MISMATCH),

  ...(['Renew', 'KeepAlive'] as const).flatMap((method) => [
    row(
      method,
      `${LIMITS.leasesPerMessageMax} leases`,
      { leaseIds: Array.from({ length: LIMITS.leasesPerMessageMax }, (_, index) => BigInt(index)) },
      answered('a result for each', ({ results }: RenewResponse) =>
        expect(results).toHaveLength(LIMITS.leasesPerMessageMax),
      ),
    ),
    row(
      method,
      `${LIMITS.leasesPerMessageMax + 1} leases`,
      { leaseIds: Array.from({ length: LIMITS.leasesPerMessageMax + 1 }, () => 1n) },
      invalid('lease_ids'),
    ),
    row(
      method,
      'leases that never were, beside one that lives twice',
      ({ held }) => ({ leaseIds: [...WRONG_LEASES.map(([, id]) => id), held.leaseId, held.leaseId] }),
      answered('`found` is false for those alone', ({ results }: RenewResponse, { held }) => {
        expect(results.map(({ leaseId, found }) => [leaseId, found])).toEqual([
          ...WRONG_LEASES.map(([, id]) => [id, false]),
          [held.leaseId, true],
          [held.leaseId, true],
        ]);
        expect(results.map(({ ttl: granted }) => granted !== undefined)).toEqual(results.map(({ found }) => found));
      }),
    ),
  ]),
];
