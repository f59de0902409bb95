import { LIMITS } from '../../../src/core/limits.js';
import { encodeRequest, METHOD_NAMES, type MethodName, type RequestOf } from './methods.js';
import { answered, invalid, rawRow, type Row } from './row.js';

const MALFORMED = { status: 'INVALID_ARGUMENT', reason: 'MALFORMED_MESSAGE' } as const;

/** What each method says of an empty request: the least that it needs. */
const OF_EMPTY: Record<MethodName, Row['outcome']> = {
  Register: invalid('endpoint'),
  Deregister: invalid('service', 'endpoint_id'),
  UpdateEndpoint: invalid('endpoint'),
  KeepAlive: answered('no results', ({ results }: { results: unknown[] }) => expect(results).toEqual([])),
  Renew: answered('no results', ({ results }: { results: unknown[] }) => expect(results).toEqual([])),
  Watch: invalid('service'),
  WatchMany: invalid('command'),
  ListEndpoints: invalid('service'),
  ListServices: answered('the services of the namespace `default`', ({ services }: { services: unknown[] }) =>
    expect(services.length).toBeGreaterThan(0),
  ),
};

/** A valid request of each method, to be damaged. */
export const VALID: { readonly [Name in MethodName]: RequestOf<Name> } = {
  Register: {
    endpoint: {
      service: 'damaged',
      id: 'x',
      addresses: [{ host: '10.0.0.1', port: 80 }],
      labels: { version: '1' },
      locality: { zone: 'a' },
    },
    ttl: { seconds: 15n },
  },
  Deregister: { service: 'damaged', endpointId: 'y', leaseId: 1n },
  UpdateEndpoint: { endpoint: { service: 'damaged', id: 'y', weight: 1 }, updateMask: ['weight'], leaseId: 1n },
  KeepAlive: { leaseIds: [1n, 2n] },
  Renew: { leaseIds: [1n, 2n] },
  Watch: { service: 'damaged', selector: { zones: ['a'] } },
  WatchMany: {
    command: { $case: 'start', value: { watchId: 1, request: { service: 'damaged', selector: { zones: ['a'] } } } },
  },
  ListEndpoints: { service: 'damaged', pageSize: 7 },
  ListServices: { namespace: 'default', pageSize: 7 },
};

/** What each method says of {@link VALID}. */
const OF_VALID: Record<MethodName, Row['outcome']> = {
  Register: answered('as without'),
  Deregister: answered('as without'),
  UpdateEndpoint: { status: 'NOT_FOUND', reason: 'ENDPOINT_NOT_FOUND' },
  KeepAlive: answered('as without', ({ results }: { results: unknown[] }) => expect(results).toHaveLength(2)),
  Renew: answered('as without', ({ results }: { results: unknown[] }) => expect(results).toHaveLength(2)),
  Watch: answered('as without'),
  WatchMany: answered('as without'),
  ListEndpoints: answered('as without'),
  ListServices: answered('as without'),
};

const UNKNOWN_FIELD = Buffer.from([0xfa, 0x3e, 1, 0x61]);

/** A field that no message has, filled so that the request has exactly that many bytes. */
function padded(request: Buffer, bytes: number): Buffer {
  const length = bytes - request.length - 2 - 3;
  const varint = [(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14];
  return Buffer.concat([request, UNKNOWN_FIELD.subarray(0, 2), Buffer.from(varint), Buffer.alloc(length)]);
}

/** Bytes that are wrong whatever the method. */
export const ANY_METHOD: readonly Row[] = METHOD_NAMES.flatMap((method) => {
  const valid = encodeRequest(method, VALID[method]);
  return [
    rawRow(method, 'an empty message', Buffer.alloc(0), OF_EMPTY[method]),
    rawRow(method, 'bytes that are no message (a varint without an end)', Buffer.alloc(16, 0xff), MALFORMED),
    rawRow(method, 'a message cut off in its last field', valid.subarray(0, -1), MALFORMED),
    rawRow(method, 'a length that points past the end', Buffer.from([0xfa, 0x3e, 0x7f, 1]), MALFORMED),
    rawRow(method, 'field number 0', Buffer.concat([Buffer.from([0x00, 0x01]), valid]), MALFORMED),
    rawRow(method, 'the end of a group that never began', Buffer.concat([Buffer.from([0x0c]), valid]), MALFORMED),
    rawRow(method, 'a message over 1 MiB', padded(valid, LIMITS.messageBytesMax + 1), { status: 'RESOURCE_EXHAUSTED' }),
  ];
});

/** `namespace` or `endpoint.namespace`, the first text of most requests. */
const WITH_TEXT: readonly (readonly [MethodName, readonly number[]])[] = [
  ['Register', [0x0a, 3, 0x0a, 1]],
  ['Deregister', [0x0a, 1]],
  ['UpdateEndpoint', [0x0a, 3, 0x0a, 1]],
  ['Watch', [0x0a, 1]],
  ['WatchMany', [0x0a, 5, 0x12, 3, 0x0a, 1]],
  ['ListEndpoints', [0x0a, 1]],
  ['ListServices', [0x0a, 1]],
];

/** Text that is none. */
export const TEXT: readonly Row[] = [
  ...WITH_TEXT.map(([method, before]) =>
    rawRow(method, 'text that is not UTF-8', Buffer.from([...before, 0xff]), MALFORMED),
  ),
  rawRow('Register', 'a label whose value is not UTF-8', withLabel('k', Buffer.from([0xc3])), MALFORMED),
  rawRow('Register', 'a label with the key `__proto__`', withLabel('__proto__', Buffer.from('v')), MALFORMED),
];

function withLabel(key: string, value: Buffer): Buffer {
  const field = (number: number, bytes: Buffer) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  return field(1, field(7, Buffer.concat([field(1, Buffer.from(key)), field(2, value)])));
}

/** A request of exactly 1 MiB, and ones with fields that are not known here: as good as without. */
export const TOLERATED: readonly Row[] = METHOD_NAMES.flatMap((method) => {
  const valid = encodeRequest(method, VALID[method]);
  const outcome = OF_VALID[method];
  return [
    rawRow(method, 'a message of exactly 1 MiB', padded(valid, LIMITS.messageBytesMax), outcome),
    rawRow(method, 'a field of a number unknown here', Buffer.concat([valid, UNKNOWN_FIELD]), outcome),
    rawRow(
      method,
      'a known field with another wire type, which counts as unknown',
      Buffer.concat([Buffer.from([0x0d, 1, 2, 3, 4]), valid]),
      outcome,
    ),
  ];
});
