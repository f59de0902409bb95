import type { Xxh64 } from '../../src/core/hash.js';
import { decodeRecord, encodeRecord, type EndpointRecord } from '../../src/directory/schema.js';
import type { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';

/** An endpoint as the directory holds it, read back from what the catalog would have stored. */
export function recordOf(xxh64: Xxh64, endpoint: Endpoint): EndpointRecord {
  const value = encodeRecord({ endpoint, leaseId: 7, ttlMs: 15_000, requestId: '' });
  const { createRevision, modRevision } = endpoint;
  return decodeRecord(
    { key: `e/default/payments/${endpoint.id}`, value, createRevision, modRevision, lease: undefined },
    xxh64,
  );
}
