/**
 * The bytes of a `WatchResponse`, and of a `WatchManyResponse`, put together from endpoints that are encoded
 * already. What ts-proto would encode anew for every message is copied here
 * instead; a test holds the outcome against the generated decoder.
 */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Digest } from '../core/digest.js';
import type { Revision } from '../core/token.js';
import { Reconnect, RemovedEndpoint, type Snapshot_Reason } from '../gen/rollcall/v1/discovery.js';

/** `field number << 3 | wire type` of the fields written here, by message. */
const TAG = {
  response: { snapshot: (1 << 3) | 2, delta: (2 << 3) | 2, checkpoint: (3 << 3) | 2, reconnect: (4 << 3) | 2 },
  position: { resumeToken: (5 << 3) | 2, digest: (6 << 3) | 1, revision: (7 << 3) | 0 },
  snapshot: { endpoints: (1 << 3) | 2, last: (2 << 3) | 0, reason: (3 << 3) | 0 },
  delta: { upserted: (1 << 3) | 2, removed: (2 << 3) | 2 },
  many: { events: (1 << 3) | 2 },
  manyEvent: { watchId: (1 << 3) | 0, response: (2 << 3) | 2, status: (3 << 3) | 2 },
} as const;

/** Where a message leaves its watcher. Without a token the view is not complete yet. */
export interface Position {
  readonly revision: Revision;
  readonly resumeToken?: string;
  readonly digest?: Digest;
}

/** An endpoint's own size in a message, with room for its tag and length. */
export function framedBytes(encoded: Uint8Array): number {
  return encoded.length + 5;
}

/** A chunk of a snapshot without its position, which {@link positioned} adds. */
export function snapshotBody(chunk: {
  readonly endpoints: readonly Uint8Array[];
  readonly last: boolean;
  readonly reason: Snapshot_Reason;
}): Buffer {
  const writer = new BinaryWriter();
  writer.uint32(TAG.response.snapshot).fork();
  for (const endpoint of chunk.endpoints) writer.uint32(TAG.snapshot.endpoints).bytes(endpoint);
  if (chunk.last) writer.uint32(TAG.snapshot.last).bool(true);
  writer.uint32(TAG.snapshot.reason).int32(chunk.reason);
  writer.join();
  return Buffer.from(writer.finish());
}

/** A message from its body: the fields of one message may be concatenated. */
export function positioned(body: Buffer, position: Position): Buffer {
  return Buffer.concat([body, finish(new BinaryWriter(), position)]);
}

export function deltaMessage(
  delta: { readonly upserted: readonly Uint8Array[]; readonly removed: readonly RemovedEndpoint[] },
  position: Position,
): Buffer {
  const writer = new BinaryWriter();
  writer.uint32(TAG.response.delta).fork();
  for (const endpoint of delta.upserted) writer.uint32(TAG.delta.upserted).bytes(endpoint);
  for (const removed of delta.removed) {
    writer.uint32(TAG.delta.removed).bytes(RemovedEndpoint.encode(removed).finish());
  }
  writer.join();
  return finish(writer, position);
}

export function checkpointMessage(position: Position): Buffer {
  return finish(new BinaryWriter().uint32(TAG.response.checkpoint).bytes(new Uint8Array(0)), position);
}

export function reconnectMessage(reconnect: Reconnect, position: Position): Buffer {
  const writer = new BinaryWriter().uint32(TAG.response.reconnect).bytes(Reconnect.encode(reconnect).finish());
  return finish(writer, position);
}

/** One step of one watch of several: an encoded `WatchResponse`, or the status it ended with. */
export interface ManyEvent {
  readonly watchId: number;
  readonly kind: 'response' | 'status';
  readonly bytes: Buffer;
}

let latest: { readonly event: ManyEvent; readonly message: Buffer } | undefined;

/** Most clients have one watch, and call it the same: what one of them is told is what the next one is. */
export function manyMessage(events: readonly ManyEvent[]): Buffer {
  const [event] = events;
  if (events.length !== 1 || event === undefined) return encodeMany(events);
  const { watchId, kind, bytes } = event;
  if (latest?.event.bytes !== bytes || latest.event.watchId !== watchId || latest.event.kind !== kind) {
    latest = { event, message: encodeMany(events) };
  }
  return latest.message;
}

/** By hand: this is all that there is to do for each watch of a stream, and a writer costs several times as much. */
function encodeMany(events: readonly ManyEvent[]): Buffer {
  let size = 0;
  for (const event of events) {
    const eventBytes = manyEventBytes(event);
    size += 1 + varintBytes(eventBytes) + eventBytes;
  }
  const message = Buffer.allocUnsafe(size);
  let at = 0;
  for (const event of events) {
    message[at++] = TAG.many.events;
    at = writeVarint(message, at, manyEventBytes(event));
    message[at++] = TAG.manyEvent.watchId;
    at = writeVarint(message, at, event.watchId);
    message[at++] = TAG.manyEvent[event.kind];
    at = writeVarint(message, at, event.bytes.length);
    message.set(event.bytes, at);
    at += event.bytes.length;
  }
  return message;
}

function manyEventBytes({ watchId, bytes }: ManyEvent): number {
  return 1 + varintBytes(watchId) + 1 + varintBytes(bytes.length) + bytes.length;
}

/** What an unsigned number below 2^32 takes. */
function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

/** Returns where the next byte goes. */
function writeVarint(message: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) message[at++] = (rest & 0x7f) | 0x80;
  message[at++] = rest;
  return at;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function finish(writer: BinaryWriter, { revision, resumeToken, digest }: Position): Buffer {
  if (resumeToken !== undefined) writer.uint32(TAG.position.resumeToken).string(resumeToken);
  if (digest !== undefined && digest !== 0n) writer.uint32(TAG.position.digest).fixed64(digest);
  writer.uint32(TAG.position.revision).int64(revision);
  return asBuffer(writer.finish());
}
