/**
 * The messages of KeepAlive and Renew, which are one type on the wire, read and
 * written by hand: a server gets hundreds of thousands of renewals a second,
 * and BigInts alone would be half of their cost. Byte for byte what the
 * generated code reads and writes; whatever is out of the ordinary is left to it.
 */
import { toDuration } from '../core/duration.js';
import { Duration } from '../gen/google/protobuf/duration.js';
import { KeepAliveRequest, LeaseRenewal } from '../gen/rollcall/v1/registry.js';
import { writeVarint } from '../lib/varint.js';
import { decodeStrictly } from './strict-reader.js';

/** A lease's id as it came: a number, or a bigint where a number is not exact. Those were never given out. */
export type LeaseIdAsked = number | bigint;

export interface Renewals {
  readonly leaseIds: readonly LeaseIdAsked[];
  /** In the same order; undefined for a lease that was not found. */
  readonly ttlsMs: readonly (number | undefined)[];
}

/** `lease_ids` of a request, packed, as all encoders write it. */
const LEASE_IDS_TAG = 0x0a;
const RESULTS_TAG = 0x0a;
const LEASE_ID_TAG = 0x08;
const TTL_TAG = 0x12;
const FOUND_TAG = 0x18;

/** A number is read in two halves, which bit operations can hold. */
const HALF_BITS = 28;
const HALF = 2 ** HALF_BITS;

/** @throws Error that says what is wrong with the bytes */
export function decodeLeaseIds(bytes: Uint8Array): readonly LeaseIdAsked[] {
  return (
    readPackedIds(bytes) ?? decodeStrictly(bytes, (reader) => KeepAliveRequest.decode(reader)).leaseIds.map(exactId)
  );
}

/** Undefined for anything but runs of packed ids that are exact as numbers. */
function readPackedIds(bytes: Uint8Array): number[] | undefined {
  const ids: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at++] !== LEASE_IDS_TAG) return undefined;
    let runBytes = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift === HALF_BITS) return undefined;
      runBytes |= (byte & 0x7f) << shift;
      more = byte >= 0x80;
    }
    const end = at + runBytes;
    if (end > bytes.length) return undefined;
    while (at < end) {
      let low = 0;
      let high = 0;
      let shift = 0;
      let byte;
      do {
        byte = bytes[at++]!;
        if (shift < HALF_BITS) low |= (byte & 0x7f) << shift;
        else high |= (byte & 0x7f) << (shift - HALF_BITS);
        shift += 7;
      } while (byte >= 0x80 && at < end && shift < 2 * HALF_BITS);
      const id = high * HALF + low;
      if (byte >= 0x80 || id > Number.MAX_SAFE_INTEGER) return undefined;
      ids.push(id);
    }
  }
  return ids;
}

/** A number where that is exact. */
export function exactId(id: bigint): LeaseIdAsked {
  return id >= 0n && id <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : id;
}

/** What a result takes at most, apart from its TTL: tags and length 4, an id, and whether it was found 2. */
const RESULT_BYTES_MAX = 4 + 10 + 2;

export function encodeRenewals({ leaseIds, ttlsMs }: Renewals): Buffer {
  let ttl = ttlField(ttlsMs[0]);
  let bytes = Buffer.allocUnsafe(leaseIds.length * (RESULT_BYTES_MAX + ttl.bytes.length));
  let at = 0;
  for (let index = 0; index < leaseIds.length; index++) {
    const ttlMs = ttlsMs[index];
    // Nearly always that of the result before.
    if (ttlMs !== ttl.ttlMs) {
      ttl = ttlField(ttlMs);
      const left = (leaseIds.length - index) * (RESULT_BYTES_MAX + ttl.bytes.length);
      if (at + left > bytes.length) bytes = Buffer.concat([bytes.subarray(0, at)], at + left);
    }
    bytes[at] = RESULTS_TAG;
    const start = at + 2;
    at = writeId(bytes, leaseIds[index]!, start);
    for (let offset = 0; offset < ttl.bytes.length; offset++) bytes[at++] = ttl.bytes[offset]!;
    if (ttlMs !== undefined) {
      bytes[at++] = FOUND_TAG;
      bytes[at++] = 1;
    }
    // A length below 128 is one byte.
    bytes[start - 1] = at - start;
  }
  return bytes.subarray(0, at);
}

interface TtlField {
  readonly ttlMs: number | undefined;
  readonly bytes: Uint8Array;
}

const NO_TTL: TtlField = { ttlMs: undefined, bytes: new Uint8Array(0) };

function ttlField(ttlMs: number | undefined): TtlField {
  if (ttlMs === undefined) return NO_TTL;
  const duration = Duration.encode(toDuration(ttlMs)).finish();
  return { ttlMs, bytes: Uint8Array.from([TTL_TAG, duration.length, ...duration]) };
}

/** Writes the field `lease_id` and returns the offset after it. */
function writeId(bytes: Buffer, id: LeaseIdAsked, offset: number): number {
  if (typeof id === 'bigint') {
    const field = LeaseRenewal.encode({ leaseId: id, ttl: undefined, found: false }).finish();
    bytes.set(field, offset);
    return offset + field.length;
  }
  // As every field that has its default, it is left out.
  if (id === 0) return offset;
  bytes[offset] = LEASE_ID_TAG;
  return writeVarint(bytes, id, offset + 1);
}
