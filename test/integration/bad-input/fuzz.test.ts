import * as fc from 'fast-check';
import { REASONS, type Reason } from '../../../src/core/errors.js';
import { rpcFailure, type RpcFailure } from '../../support/rpc-failure.js';
import { VALID } from './any-method.js';
import { encodeRequest, invoke, METHOD_NAMES } from './methods.js';
import type { Stage } from './row.js';
import { setStage } from './stage.js';

const RUNS = 200;

let stage: Stage;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ stage, close } = await setStage());
});

// Fails if the server logged an error: a defect where a refusal was due.
afterAll(() => close());

/** Bytes of a valid request with some replaced, left out or added. */
function damaged(valid: Buffer): fc.Arbitrary<Buffer> {
  const cut = fc.record({
    at: fc.nat(valid.length),
    drop: fc.nat(3),
    insert: fc.uint8Array({ maxLength: 6 }),
  });
  return fc
    .array(cut, { minLength: 1, maxLength: 4 })
    .map((cuts) =>
      cuts.reduce(
        (bytes, { at, drop, insert }) => Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + drop)]),
        valid,
      ),
    );
}

/** What may be said of a request that is nonsense: that it is, or that what it names is not there. */
const REASONABLE: readonly Reason[] = [
  'MALFORMED_MESSAGE',
  'INVALID_FIELD',
  'INVALID_TOKEN',
  'ENDPOINT_NOT_FOUND',
  'LEASE_MISMATCH',
];

test.each(METHOD_NAMES)('%s answers or refuses any bytes, with a reason', async (method) => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 64 }).map(Buffer.from),
    damaged(encodeRequest(method, VALID[method])),
  );
  const property = fc.asyncProperty(bytes, async (request) => {
    let refused: RpcFailure;
    try {
      await invoke(stage.client, method, request);
      return;
    } catch (error) {
      refused = rpcFailure(error);
    }
    expect(REASONABLE).toContain(refused.reason);
    expect(refused.status).toBe(REASONS[refused.reason as Reason].status);
  });
  await fc.assert(property, { numRuns: RUNS });
});
