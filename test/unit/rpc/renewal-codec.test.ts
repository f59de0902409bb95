import * as fc from 'fast-check';
import { toDuration } from '../../../src/core/duration.js';
import { KeepAliveRequest, KeepAliveResponse } from '../../../src/gen/rollcall/v1/registry.js';
import { decodeLeaseIds, encodeRenewals } from '../../../src/rpc/renewal-codec.js';
import { decodeStrictly } from '../../../src/rpc/strict-reader.js';

const MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** Around every length that a varint can have, and what no server gave out. */
const ids = fc.oneof(
  fc.bigInt({ min: 0n, max: MAX }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc
    .record({ power: fc.integer({ min: 0, max: 62 }), off: fc.integer({ min: -2, max: 2 }) })
    .map(({ power, off }) => 2n ** BigInt(power) + BigInt(off)),
);

const bytesOf = (...bytes: number[]) => Uint8Array.from(bytes);
const packed = (leaseIds: bigint[]) => KeepAliveRequest.encode({ leaseIds }).finish();

/** The parts that a request may be made of: ids in runs and alone, fields nobody knows, and bytes that mean nothing. */
const parts = fc.oneof(
  { weight: 4, arbitrary: fc.array(ids, { maxLength: 5 }).map(packed) },
  ids.map((id) => Buffer.concat([bytesOf(0x08), packed([id]).subarray(2)])),
  fc.constantFrom(
    bytesOf(0x10, 0x01),
    bytesOf(0x1a, 0x02, 0x08, 0x01),
    bytesOf(0x21, 1, 2, 3, 4, 5, 6, 7, 8),
    bytesOf(0x2d, 1, 2, 3, 4),
    bytesOf(0x33, 0x34),
    bytesOf(0x8a, 0x00, 0x01, 0x05),
    bytesOf(0x0a, 0x83, 0x00, 0x81, 0x80, 0x00),
    bytesOf(0x0a, 0x01, 0x80, 0x01),
    bytesOf(0x0a, 0x82, 0x80, 0x80, 0x80, 0x00, 0x05, 0x06),
    bytesOf(0x0a, 0x00),
    bytesOf(0x00),
    bytesOf(0x0b),
  ),
  fc.uint8Array({ maxLength: 12 }),
);

const requests = fc
  .record({ parts: fc.array(parts, { maxLength: 5 }), cut: fc.option(fc.nat(60), { nil: undefined }) })
  .map(({ parts: each, cut }) => Buffer.concat(each).subarray(0, cut));

/** What became of a request: the ids, or that it is refused. */
function outcome(decode: () => readonly (number | bigint)[]): bigint[] | 'refused' {
  try {
    return decode().map(BigInt);
  } catch {
    return 'refused';
  }
}

test('any bytes are read as the generated code reads them, and refused where it refuses them', () => {
  let refused = 0;
  fc.assert(
    fc.property(requests, (bytes) => {
      const expected = outcome(() => decodeStrictly(bytes, (reader) => KeepAliveRequest.decode(reader)).leaseIds);
      expect(outcome(() => decodeLeaseIds(bytes))).toEqual(expected);
      if (expected === 'refused') refused++;
    }),
    { numRuns: 5_000 },
  );
  // Both outcomes were tried.
  expect(refused).toBeGreaterThan(100);
  expect(refused).toBeLessThan(4_900);
});

test('an id is a number wherever a number is exact', () => {
  const asked = [0n, 1n, 127n, 128n, 2n ** 28n - 1n, 2n ** 28n, 2n ** 32n, MAX, MAX + 1n, 2n ** 63n - 1n, -1n];
  const exact = asked.map((id) => (id >= 0n && id <= MAX ? Number(id) : id));
  for (const [index, id] of asked.entries()) expect(decodeLeaseIds(packed([id]))).toEqual([exact[index]]);
  expect(decodeLeaseIds(packed(asked))).toEqual(exact);
});

const ttls = fc.option(
  fc.oneof(fc.constantFrom(1_000, 15_000), fc.integer({ min: 1_000, max: 86_400_000 }), fc.constantFrom(1_001, 0)),
  { nil: undefined },
);

test('renewals are written byte for byte as the generated code writes them', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ id: ids, ttlMs: ttls }), { maxLength: 40 }), (renewals) => {
      const expected = KeepAliveResponse.encode({
        results: renewals.map(({ id, ttlMs }) => ({
          leaseId: id,
          ttl: ttlMs === undefined ? undefined : toDuration(ttlMs),
          found: ttlMs !== undefined,
        })),
      }).finish();
      const leaseIds = renewals.map(({ id }) => (id >= 0n && id <= MAX ? Number(id) : id));
      const written = encodeRenewals({ leaseIds, ttlsMs: renewals.map(({ ttlMs }) => ttlMs) });
      expect(written.equals(expected)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});
