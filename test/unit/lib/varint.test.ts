import { BinaryReader } from '@bufbuild/protobuf/wire';
import * as fc from 'fast-check';
import { VARINT_BYTES_MAX, writeVarint } from '../../../src/lib/varint.js';

const lengths = Array.from({ length: 54 }, (_, power) => [2 ** power - 1, 2 ** power]).flat();
const numbers = fc.oneof(
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(...lengths.filter(Number.isSafeInteger)),
);

test('every number that is exact is written as protobuf reads it, where it was asked for, in as few bytes as it needs', () => {
  fc.assert(
    fc.property(numbers, fc.nat(5), (value, offset) => {
      const bytes = new Uint8Array(offset + VARINT_BYTES_MAX + 1);
      const end = writeVarint(bytes, value, offset);
      expect(new BinaryReader(bytes.subarray(offset, end)).uint64()).toBe(BigInt(value));
      expect(end - offset).toBe(Math.max(1, Math.ceil(BigInt(value).toString(2).length / 7)));
      expect(bytes.subarray(0, offset).every((byte) => byte === 0)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});
