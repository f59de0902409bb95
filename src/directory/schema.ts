/**
 * How the catalog lies in the store. A registration is two keys, written in one
 * transaction:
 *
 * ```
 *   e/NAMESPACE/SERVICE/ID   the endpoint record (rollcall.storage.v1), without a lease
 *   l/NAMESPACE/SERVICE/ID   its liveness, empty, under the lease
 * ```
 *
 * When the lease lapses the store deletes the liveness key, in the same way on
 * every engine; the reaper then removes the record. A revision that deletes a
 * record together with its liveness key is a deregistration, one that deletes
 * the record alone is an expiry: the cause needs no place of its own.
 */
import type { Xxh64 } from '../core/hash.js';
import { endpointDigest, type Digest } from '../core/digest.js';
import type { ServiceName } from '../core/names.js';
import type { Entry, LeaseId } from '../store/contract.js';
import { EndpointRecord as StoredRecord } from '../gen/rollcall/storage/v1/record.js';
import { Endpoint } from '../gen/rollcall/v1/endpoint.js';

export const RECORD_PREFIX = 'e/';
export const LIVENESS_PREFIX = 'l/';

/** An endpoint within its service within its namespace. */
export interface EndpointName extends ServiceName {
  readonly id: string;
}

/** A registered endpoint, decoded. Immutable. */
export interface EndpointRecord {
  readonly endpoint: Endpoint;
  /** The endpoint as it goes over the wire, revisions included. */
  readonly encoded: Uint8Array;
  /** What it contributes to the digest of a view. */
  readonly digest: Digest;
  readonly leaseId: LeaseId;
  readonly ttlMs: number;
  readonly requestId: string;
}

export function recordKey({ namespace, service, id }: EndpointName): string {
  return `${RECORD_PREFIX}${namespace}/${service}/${id}`;
}

export function livenessKey({ namespace, service, id }: EndpointName): string {
  return `${LIVENESS_PREFIX}${namespace}/${service}/${id}`;
}

/** The endpoint that a record key or a liveness key is about. */
export function parseKey(key: string): EndpointName {
  const [, namespace, service, id] = key.split('/');
  if (namespace === undefined || service === undefined || id === undefined)
    throw new Error(`not a catalog key: ${key}`);
  return { namespace, service, id };
}

/** What {@link decodeRecord} takes apart again. The endpoint's revisions are not stored: they are the key's. */
export function encodeRecord(record: Pick<EndpointRecord, 'endpoint' | 'leaseId' | 'ttlMs' | 'requestId'>): Uint8Array {
  const endpoint = Buffer.from(Endpoint.encode({ ...record.endpoint, createRevision: 0, modRevision: 0 }).finish());
  const { leaseId, ttlMs, requestId } = record;
  return StoredRecord.encode({ endpoint, leaseId, ttlMs, requestId }).finish();
}

export function decodeRecord({ value, createRevision, modRevision }: Entry, xxh64: Xxh64): EndpointRecord {
  const { endpoint: withoutRevisions, leaseId, ttlMs, requestId } = StoredRecord.decode(value);
  // Fields of one message may be concatenated: the revisions are appended to the stored bytes.
  const revisions = Endpoint.encode(Endpoint.fromPartial({ createRevision, modRevision })).finish();
  const encoded = Buffer.concat([withoutRevisions, revisions]);
  const endpoint = Endpoint.decode(encoded);
  return { endpoint, encoded, digest: endpointDigest(xxh64, endpoint.id, modRevision), leaseId, ttlMs, requestId };
}
