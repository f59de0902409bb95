/**
 * The bytes of a `WatchResponse`, put together from endpoints that are encoded
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

function finish(writer: BinaryWriter, { revision, resumeToken, digest }: Position): Buffer {
  if (resumeToken !== undefined) writer.uint32(TAG.position.resumeToken).string(resumeToken);
  if (digest !== undefined && digest !== 0n) writer.uint32(TAG.position.digest).fixed64(digest);
  writer.uint32(TAG.position.revision).int64(revision);
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
