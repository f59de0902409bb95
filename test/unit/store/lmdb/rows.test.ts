import * as fc from 'fast-check';
import type { Entry } from '../../../../src/store/contract.js';
import {
  decodeBatch,
  decodeEntry,
  decodeLease,
  encodeBatch,
  encodeEntry,
  encodeLease,
  isSealed,
  type Keep,
} from '../../../../src/store/lmdb/rows.js';
import { u64Key, u64OfKey } from '../../../../src/store/lmdb/integers.js';

const keepAll: Keep = { value: (bytes) => new Uint8Array(bytes), known: () => undefined };

const key = fc.string({ minLength: 1, maxLength: 512, unit: 'grapheme-ascii' });
const revision = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const entryOf = (name: string): fc.Arbitrary<Entry> =>
  fc.record({
    key: fc.constant(name),
    value: fc.uint8Array({ maxLength: 5_000 }),
    createRevision: revision,
    modRevision: revision,
    lease: fc.option(revision, { nil: undefined }),
  });
const change = key.chain((name) =>
  fc.record({
    key: fc.constant(name),
    entry: fc.option(entryOf(name), { nil: undefined }),
    prev: fc.option(entryOf(name), { nil: undefined }),
  }),
);

test('an entry comes back from its row as it was', () => {
  fc.assert(
    fc.property(key.chain(entryOf), (entry) => {
      const bytes = Buffer.from(entry.key, 'latin1');
      expect(decodeEntry(bytes, encodeEntry(bytes, entry), keepAll)).toEqual(entry);
    }),
  );
});

const leaseChanges = fc.record({
  leasesGranted: fc.array(fc.record({ id: revision, ttlMs: fc.nat() })),
  leasesEnded: fc.array(revision),
});

test('a batch comes back from its row as it was, previous entries included, and so does what it says of leases', () => {
  fc.assert(
    fc.property(
      revision,
      fc.nat(Number.MAX_SAFE_INTEGER),
      fc.array(change),
      leaseChanges,
      (number, timeMs, changes, leases) => {
        const batch = { revision: number, timeMs, changes };
        const bytes = u64Key(number);
        expect(decodeBatch(bytes, encodeBatch(bytes, batch, leases), keepAll)).toEqual({ batch, leases });
      },
    ),
  );
});

test('a lease comes back from its row as it was', () => {
  fc.assert(
    fc.property(revision, fc.nat(), (id, ttlMs) => {
      expect(decodeLease(u64Key(id), encodeLease(u64Key(id), { id, ttlMs }))).toEqual({ id, ttlMs });
    }),
  );
});

test('a decoded value does not live in the bytes of the row', () => {
  const bytes = Buffer.from('k');
  const row = encodeEntry(bytes, { key: 'k', value: new Uint8Array([7]), createRevision: 1, modRevision: 1, lease: 5 });
  const entry = decodeEntry(bytes, row, keepAll);
  row.fill(0);
  expect(entry.value).toEqual(new Uint8Array([7]));
});

test('a row in which any bit was changed, of the key or of the body, is not sealed', () => {
  const bytes = Buffer.from('e/default/payments/1');
  const value = new Uint8Array(100).fill(3);
  const row = encodeEntry(bytes, { key: bytes.toString(), value, createRevision: 4, modRevision: 9, lease: undefined });
  expect(isSealed(bytes, row)).toBe(true);
  for (const part of [bytes, row]) {
    for (let bit = 0; bit < part.length * 8; bit++) {
      part[bit >> 3]! ^= 1 << (bit & 7);
      expect(isSealed(bytes, row)).toBe(false);
      part[bit >> 3]! ^= 1 << (bit & 7);
    }
  }
  expect(isSealed(bytes, row.subarray(0, row.length - 1))).toBe(false);
  expect(isSealed(bytes, Buffer.alloc(0))).toBe(false);
});

test('keys of numbers sort as the numbers do', () => {
  fc.assert(
    fc.property(revision, revision, (a, b) => {
      expect(Math.sign(Buffer.compare(u64Key(a), u64Key(b)))).toBe(Math.sign(a - b));
      expect(u64OfKey(u64Key(a))).toBe(a);
    }),
  );
});
