import * as fc from 'fast-check';
import {
  RemovedEndpoint_Reason as RemovalReason,
  Snapshot_Reason as SnapshotReason,
  WatchManyResponse,
  WatchResponse,
} from '../../../src/gen/rollcall/v1/discovery.js';
import { Endpoint } from '../../../src/gen/rollcall/v1/endpoint.js';
import {
  checkpointMessage,
  deltaMessage,
  framedBytes,
  manyMessage,
  positioned,
  reconnectMessage,
  snapshotBody,
  type Position,
} from '../../../src/watch/messages.js';
import { endpoints } from '../../support/arbitraries.js';

const revision = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const complete: fc.Arbitrary<Required<Position>> = fc.record({
  revision,
  resumeToken: fc.string({ minLength: 1, maxLength: 40 }),
  digest: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});
const position: fc.Arbitrary<Position> = fc.oneof(complete, fc.record({ revision }));
const some = fc.array(endpoints, { maxLength: 5 });
const removal = fc.record({
  endpointId: fc.string({ maxLength: 20 }),
  reason: fc.constantFrom(RemovalReason.DEREGISTERED, RemovalReason.EXPIRED, RemovalReason.NO_LONGER_MATCHES),
  revision,
});

const encoded = (list: readonly Endpoint[]) => list.map((endpoint) => Endpoint.encode(endpoint).finish());

function expectDecoded(bytes: Buffer, event: WatchResponse['event'], at: Position): void {
  const { resumeToken = '', digest = 0n } = at;
  expect(WatchResponse.decode(bytes)).toEqual({ event, resumeToken, digest, revision: at.revision });
}

describe('a message put together by hand decodes to what it was made of, when it is', () => {
  it('a snapshot', () => {
    const reason = fc.constantFrom(
      SnapshotReason.INITIAL,
      SnapshotReason.COMPACTED,
      SnapshotReason.EPOCH_CHANGED,
      SnapshotReason.DRIFT,
    );
    fc.assert(
      fc.property(some, fc.boolean(), reason, position, (list, last, why, at) => {
        const bytes = positioned(snapshotBody({ endpoints: encoded(list), last, reason: why }), at);
        expectDecoded(bytes, { $case: 'snapshot', value: { endpoints: list, last, reason: why } }, at);
      }),
    );
  });

  it('a delta', () => {
    fc.assert(
      fc.property(some, fc.array(removal, { maxLength: 5 }), complete, (upserted, removed, at) => {
        const bytes = deltaMessage({ upserted: encoded(upserted), removed }, at);
        expectDecoded(bytes, { $case: 'delta', value: { upserted, removed } }, at);
      }),
    );
  });

  it('a checkpoint', () => {
    fc.assert(
      fc.property(complete, (at) => {
        expectDecoded(checkpointMessage(at), { $case: 'checkpoint', value: {} }, at);
      }),
    );
  });

  it('a reconnect', () => {
    const advice = fc.record({
      delayMax: fc.record({ seconds: fc.bigInt({ min: 0n, max: 3_600n }), nanos: fc.nat({ max: 999_999_999 }) }),
      alternates: fc.array(fc.record({ host: fc.string(), port: fc.nat({ max: 65_535 }) }), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(advice, complete, (value, at) => {
        expectDecoded(reconnectMessage(value, at), { $case: 'reconnect', value }, at);
      }),
    );
  });
});

describe('what several watches are told', () => {
  const events = fc.record({
    watchId: fc.nat({ max: 2 ** 32 - 1 }),
    kind: fc.constantFrom('response' as const, 'status' as const),
    at: complete,
    filler: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 70_000 })),
  });

  it('decodes to what each of them was told, in order', () => {
    fc.assert(
      fc.property(fc.array(events, { maxLength: 5 }), (list) => {
        const told = list.map(({ watchId, kind, at, filler }) => {
          const bytes = kind === 'status' ? Buffer.alloc(filler, 7) : checkpointMessage(at);
          return { watchId, kind, bytes };
        });
        expect(WatchManyResponse.decode(manyMessage(told)).events).toEqual(
          told.map(({ watchId, kind, bytes }) => ({
            watchId,
            event:
              kind === 'status' ? { $case: kind, value: bytes } : { $case: kind, value: WatchResponse.decode(bytes) },
          })),
        );
      }),
    );
  });

  it('is the same bytes for the same one message of the same watch, and others for any other', () => {
    const [bytes, otherBytes] = [checkpointMessage({ revision: 1 }), checkpointMessage({ revision: 2 })];
    const event = { watchId: 0, kind: 'response' as const, bytes };
    const message = manyMessage([event]);
    expect(manyMessage([{ ...event }])).toBe(message);
    for (const other of [
      { ...event, watchId: 1 },
      { ...event, kind: 'status' as const },
      { ...event, bytes: otherBytes },
    ]) {
      expect(manyMessage([other])).not.toEqual(message);
    }
  });
});

describe('the room that an endpoint is said to take in a message', () => {
  it('is at least what it takes', () => {
    fc.assert(
      fc.property(fc.nat({ max: 70_000 }), (length) => {
        const endpoint = Buffer.alloc(length);
        const none = deltaMessage({ upserted: [], removed: [] }, { revision: 1 }).length;
        const one = deltaMessage({ upserted: [endpoint], removed: [] }, { revision: 1 }).length;
        // The delta's own length may take two bytes more.
        expect(one - none).toBeLessThanOrEqual(framedBytes(endpoint) + 2);
      }),
    );
  });
});
