import { EMPTY_DIGEST, endpointDigest } from '../../../src/core/digest.js';
import { loadXxh64, type Xxh64 } from '../../../src/core/hash.js';
import vectors from './digest-vectors.json' with { type: 'json' };

let xxh64: Xxh64;
beforeAll(async () => {
  xxh64 = await loadXxh64();
});

describe('the digest of a view', () => {
  it.each(vectors.endpoints)('of $id at $modRevision is what another implementation computes', (vector) => {
    const digest = endpointDigest(xxh64, vector.id, vector.modRevision);
    expect(digest.toString(16).padStart(16, '0')).toBe(vector.digest);
  });

  it('is the XOR over its endpoints, in any order', () => {
    const digestOf = (endpoints: typeof vectors.endpoints) =>
      endpoints.reduce((digest, { id, modRevision }) => digest ^ endpointDigest(xxh64, id, modRevision), EMPTY_DIGEST);
    expect(digestOf(vectors.endpoints).toString(16).padStart(16, '0')).toBe(vectors.view);
    expect(digestOf(vectors.endpoints.toReversed())).toBe(digestOf(vectors.endpoints));
  });

  it('keeps the id and the revision apart', () => {
    const zeros = '\0'.repeat(8);
    expect(endpointDigest(xxh64, `a${zeros}`, 0)).not.toBe(endpointDigest(xxh64, 'a', 0));
  });
});
