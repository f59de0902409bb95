import * as fc from 'fast-check';
import { LIMITS } from '../../../src/core/limits.js';
import type { EndpointRecord } from '../../../src/directory/schema.js';
import { Snapshot_Reason as SnapshotReason, WatchResponse } from '../../../src/gen/rollcall/v1/discovery.js';
import { Endpoint } from '../../../src/gen/rollcall/v1/endpoint.js';
import { Snapshot } from '../../../src/watch/snapshot.js';

const TARGET_BYTES = 64 * 1024;
const AT_42 = { revision: 42, digest: 7n, resumeToken: 'token' };

/** A record whose encoding has nearly the given size. */
function recordOfSize(id: string, sizeBytes: number): EndpointRecord {
  const endpoint = Endpoint.fromPartial({ id, metadata: { pad: 'x'.repeat(Math.max(0, sizeBytes - 40)) } });
  const encoded = Buffer.from(Endpoint.encode(endpoint).finish());
  return { endpoint, encoded, digest: 0n, leaseId: 1, ttlMs: 1, requestId: '' };
}

function snapshotOf(records: readonly EndpointRecord[]): Snapshot {
  return new Snapshot(records, SnapshotReason.INITIAL);
}

function decodeAll(
  snapshot: Snapshot,
): { bytes: number; response: WatchResponse; endpoints: Endpoint[]; last: boolean }[] {
  return Array.from({ length: snapshot.chunkCount }, (_, index) => {
    const chunk = snapshot.chunk(index, AT_42);
    const response = WatchResponse.decode(chunk);
    if (response.event?.$case !== 'snapshot') throw new Error('a chunk of a snapshot is a snapshot');
    const { endpoints, last } = response.event.value;
    return { bytes: chunk.length, response, endpoints, last };
  });
}

describe('a snapshot', () => {
  it('of nothing is one empty chunk, and complete', () => {
    const chunks = decodeAll(snapshotOf([]));
    expect(chunks.map(({ response }) => response)).toEqual([
      {
        event: { $case: 'snapshot', value: { endpoints: [], last: true, reason: SnapshotReason.INITIAL } },
        resumeToken: 'token',
        digest: 7n,
        revision: 42,
      },
    ]);
  });

  it('holds every endpoint once, in chunks of about 64 KiB and never near 1 MiB', () => {
    const sizes = fc.array(fc.oneof(fc.nat({ max: 500 }), fc.nat({ max: LIMITS.endpointBytesMax })), {
      maxLength: 60,
      size: 'max',
    });
    fc.assert(
      fc.property(sizes, (list) => {
        const records = list.map((size, index) => recordOfSize(`e${index}`, size));
        const chunks = decodeAll(snapshotOf(records));
        expect(chunks.flatMap(({ endpoints }) => endpoints.map(({ id }) => id))).toEqual(
          records.map(({ endpoint }) => endpoint.id),
        );
        for (const [index, { bytes, endpoints }] of chunks.entries()) {
          expect(bytes).toBeLessThanOrEqual(LIMITS.messageBytesMax);
          // More than the target only where a single endpoint is.
          expect(endpoints.length === 1 || bytes <= TARGET_BYTES + 256).toBe(true);
          // A chunk is only begun when the one before had no room for its first endpoint.
          const next = chunks[index + 1]?.endpoints[0];
          const nextBytes = next === undefined ? Infinity : Endpoint.encode(next).finish().length;
          expect(bytes + nextBytes + 256).toBeGreaterThan(TARGET_BYTES);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('is complete with its last chunk alone: only that one bears a token', () => {
    const chunks = decodeAll(snapshotOf(Array.from({ length: 10 }, (_, index) => recordOfSize(`e${index}`, 20_000))));
    expect(chunks.length).toBe(4);
    expect(chunks.map(({ response, last }) => [response.resumeToken, response.digest, last])).toEqual([
      ['', 0n, false],
      ['', 0n, false],
      ['', 0n, false],
      ['token', 7n, true],
    ]);
    expect(chunks.every(({ response }) => response.revision === 42)).toBe(true);
  });

  it('encodes a chunk once for all who ask, until it is retired', () => {
    const snapshot = snapshotOf([recordOfSize('a', 100)]);
    const chunk = snapshot.chunk(0, AT_42);
    expect(snapshot.chunk(0, AT_42)).toBe(chunk);
    snapshot.retire();
    expect(snapshot.chunk(0, AT_42)).not.toBe(chunk);
    expect(snapshot.chunk(0, AT_42)).toEqual(chunk);
    expect(snapshot.chunk(0, AT_42)).not.toBe(snapshot.chunk(0, AT_42));
  });

  it('is shared by those who begin at different revisions of the same view', () => {
    const snapshot = snapshotOf([recordOfSize('a', 40_000), recordOfSize('b', 40_000)]);
    const later = { ...AT_42, revision: 43, resumeToken: 'later' };
    const first = snapshot.chunk(0, AT_42);
    expect(WatchResponse.decode(snapshot.chunk(0, later)).revision).toBe(43);
    expect(WatchResponse.decode(snapshot.chunk(1, later)).resumeToken).toBe('later');
    expect(WatchResponse.decode(snapshot.chunk(1, AT_42)).resumeToken).toBe('token');
    expect(snapshot.chunk(0, AT_42)).toEqual(first);
  });
});
