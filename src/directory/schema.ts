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
import { encodeMessage } from '../core/encode-message.js';
import type { ServiceName } from '../core/names.js';
import type { Entry, LeaseId, Revision } from '../store/contract.js';
import { VARINT_BYTES_MAX, writeVarint } from '../lib/varint.js';
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

/**
 * What {@link decodeRecord} takes apart again. The endpoint's revisions are not stored: they are the key's.
 * `encoded` is the endpoint without them, where the caller has that already.
 */
export function encodeRecord(
  { endpoint, leaseId, ttlMs, requestId }: Pick<EndpointRecord, 'endpoint' | 'leaseId' | 'ttlMs' | 'requestId'>,
  encoded: Buffer = encodeMessage(Endpoint, { ...endpoint, createRevision: 0, modRevision: 0 }),
): Uint8Array {
  return encodeMessage(StoredRecord, { endpoint: encoded, leaseId, ttlMs, requestId });
}

export function decodeRecord({ value, createRevision, modRevision }: Entry, xxh64: Xxh64): EndpointRecord {
  const { endpoint: withoutRevisions, leaseId, ttlMs, requestId } = StoredRecord.decode(value);
  const encoded = withRevisions(withoutRevisions, createRevision, modRevision);
  const endpoint = Endpoint.decode(encoded);
  return { endpoint, encoded, digest: endpointDigest(xxh64, endpoint.id, modRevision), leaseId, ttlMs, requestId };
}

const CREATE_REVISION_TAG = 0x50;
const MOD_REVISION_TAG = 0x58;

/** Fields of one message may be concatenated: the revisions are appended to the stored bytes. */
function withRevisions(bytes: Uint8Array, createRevision: Revision, modRevision: Revision): Buffer {
  const all = Buffer.allocUnsafe(bytes.length + 2 * (1 + VARINT_BYTES_MAX));
  all.set(bytes);
  all[bytes.length] = CREATE_REVISION_TAG;
  const at = writeVarint(all, createRevision, bytes.length + 1);
  all[at] = MOD_REVISION_TAG;
  return all.subarray(0, writeVarint(all, modRevision, at + 1));
}
