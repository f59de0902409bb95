/**
 * The few messages of etcd's API (etcdserverpb, mvccpb) that the driver needs,
 * with the fields that it needs, on the runtime that Rollcall's messages are
 * read and written with.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Lease } from './subject.js';

export const METHOD = {
  put: '/etcdserverpb.KV/Put',
  range: '/etcdserverpb.KV/Range',
  leaseGrant: '/etcdserverpb.Lease/LeaseGrant',
  leaseKeepAlive: '/etcdserverpb.Lease/LeaseKeepAlive',
  watch: '/etcdserverpb.Watch/Watch',
} as const;

const { LengthDelimited, Varint } = WireType;

export function putRequest(key: string, { value, lease }: { readonly value: Buffer; readonly lease: Lease }): Buffer {
  return finished(
    new BinaryWriter()
      .tag(1, LengthDelimited)
      .string(key)
      .tag(2, LengthDelimited)
      .bytes(value)
      .tag(3, Varint)
      .int64(lease),
  );
}

/** Of all keys that begin with a prefix, which must end in an ASCII character. Linearizable, as is etcd's default. */
export function rangeRequest(prefix: string): Buffer {
  return finished(keyRange(prefix));
}

export function leaseGrantRequest(ttlSeconds: number): Buffer {
  return finished(new BinaryWriter().tag(1, Varint).int64(ttlSeconds));
}

export function keepAliveRequest(lease: Lease): Buffer {
  return finished(new BinaryWriter().tag(1, Varint).int64(lease));
}

/** Watches the keys that begin with a prefix, under an id that is the caller's choice and not 0. */
export function watchCreateRequest(
  prefix: string,
  { startRevision, watchId }: { readonly startRevision: number; readonly watchId: number },
): Buffer {
  const create = keyRange(prefix).tag(3, Varint).int64(startRevision).tag(7, Varint).int64(watchId);
  return finished(new BinaryWriter().tag(1, LengthDelimited).bytes(create.finish()));
}

/** The revision in the header that every answer begins with. */
export function headerRevision(answer: Buffer): number {
  const reader = new BinaryReader(answer);
  const [field] = reader.tag();
  if (field !== 1) throw new Error('an answer of etcd that does not begin with its header');
  return numbersOf(reader, reader.uint32())[3] ?? 0;
}

export function grantedLease(answer: Buffer): Lease {
  const reader = new BinaryReader(answer);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 2) return BigInt(reader.int64());
    reader.skip(wireType);
  }
  throw new Error('no lease was granted');
}

/** Whether the lease lives on: one that does not has no TTL. */
export function wasKeptAlive(answer: Buffer): boolean {
  const reader = new BinaryReader(answer);
  return (numbersOf(reader, reader.len)[3] ?? 0) > 0;
}

/** How many keys a RangeResponse has. Throws if etcd says that there are others. */
export function countKeys(answer: Buffer): number {
  const reader = new BinaryReader(answer);
  let keys = 0;
  let told = 0;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 4) told = Number(reader.int64());
    else reader.skip(wireType);
    if (field === 2) keys++;
  }
  if (keys !== told) throw new Error(`${keys} keys where etcd counts ${told}`);
  return keys;
}

export interface EtcdWatchResponse {
  readonly watchId: number;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly events: number;
  /** Of the last event; 0 without events. What the header says may be newer than what came so far. */
  readonly lastRevision: number;
}

export function readWatchResponse(bytes: Buffer): EtcdWatchResponse {
  const reader = new BinaryReader(bytes);
  let [watchId, created, canceled, events, lastEvent, lastEventEnd] = [0, false, false, 0, 0, 0];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 2) watchId = Number(reader.int64());
    else if (field === 3) created = reader.bool();
    else if (field === 4) canceled = reader.bool();
    else if (field === 11) {
      events++;
      const length = reader.uint32();
      lastEvent = reader.pos;
      lastEventEnd = reader.pos += length;
    } else reader.skip(wireType);
  }
  const lastRevision = events === 0 ? 0 : eventRevision(bytes.subarray(lastEvent, lastEventEnd));
  return { watchId, created, canceled, events, lastRevision };
}

/** The revision of an Event's KeyValue. */
function eventRevision(event: Buffer): number {
  const reader = new BinaryReader(event);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 2) return numbersOf(reader, reader.uint32())[3] ?? 0;
    reader.skip(wireType);
  }
  throw new Error('an event of etcd without a key');
}

function keyRange(prefix: string): BinaryWriter {
  const last = prefix.charCodeAt(prefix.length - 1);
  const rangeEnd = prefix.slice(0, -1) + String.fromCharCode(last + 1);
  return new BinaryWriter().tag(1, LengthDelimited).string(prefix).tag(2, LengthDelimited).string(rangeEnd);
}

/** The integers among the next `length` bytes, by field; no one needs those above 2^53. */
function numbersOf(reader: BinaryReader, length: number): number[] {
  const end = reader.pos + length;
  const numbers: number[] = [];
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (wireType === Varint) numbers[field] = Number(reader.int64());
    else reader.skip(wireType);
  }
  return numbers;
}

function finished(writer: BinaryWriter): Buffer {
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
