import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { WatchMessage } from './subject.js';

/**
 * Messages of watches, read as far as a driver must: one with a thousand
 * watches need not decode them all.
 */
const FIELD = {
  response: { snapshot: 1, delta: 2, resumeToken: 5, revision: 7 },
  many: { events: 1 },
  manyEvent: { watchId: 1, response: 2, status: 3 },
} as const;

export interface ReadMessage extends WatchMessage {
  readonly resumeToken: string;
}

/** Reads past the event of a WatchResponse. */
export function readWatchResponse(bytes: Buffer): ReadMessage {
  const reader = new BinaryReader(bytes);
  let event = 0;
  let resumeToken = '';
  let revision = 0;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === FIELD.response.resumeToken) resumeToken = reader.string();
    else if (field === FIELD.response.revision) revision = Number(reader.int64());
    else reader.skip(wireType);
    if (field < FIELD.response.resumeToken) event = field;
  }
  return { kind: kindOf(event, resumeToken), revision, bytes, resumeToken };
}

export interface WatchManyListener {
  onResponse(watchId: number, response: Buffer): void;
  onEnded(watchId: number): void;
}

/** Cuts a WatchManyResponse into the WatchResponses of its watches. */
export function readWatchManyResponse(bytes: Buffer, { onResponse, onEnded }: WatchManyListener): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field !== FIELD.many.events) {
      reader.skip(wireType);
      continue;
    }
    const end = reader.uint32() + reader.pos;
    let watchId = 0;
    let response: Uint8Array | undefined;
    let ended = false;
    while (reader.pos < end) {
      const [inner, innerType] = reader.tag();
      if (inner === FIELD.manyEvent.watchId) watchId = reader.uint32();
      else if (inner === FIELD.manyEvent.response) response = reader.bytes();
      else reader.skip(innerType);
      ended ||= inner === FIELD.manyEvent.status;
    }
    if (ended) onEnded(watchId);
    if (response !== undefined) {
      onResponse(watchId, Buffer.from(response.buffer, response.byteOffset, response.byteLength));
    }
  }
}

function kindOf(event: number, resumeToken: string): WatchMessage['kind'] {
  switch (event) {
    case FIELD.response.snapshot:
      // Only the last chunk has one.
      return resumeToken === '' ? 'part' : 'view';
    case FIELD.response.delta:
      return 'change';
    default:
      return 'other';
  }
}
