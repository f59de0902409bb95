import * as fc from 'fast-check';
import { REASONS, type Reason } from '../../../src/core/errors.js';
import { mutated } from '../../support/mutate.js';
import { rpcFailure, type RpcFailure } from '../../support/rpc-failure.js';
import { seededPick } from '../../support/seeded-random.js';
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

/** What may be said of a request that is nonsense: that it is, or that what it names is not there. */
const REASONABLE: readonly Reason[] = [
  'MALFORMED_MESSAGE',
  'INVALID_FIELD',
  'INVALID_TOKEN',
  'ENDPOINT_NOT_FOUND',
  'LEASE_MISMATCH',
];

test.each(METHOD_NAMES)('%s answers or refuses any bytes, with a reason', async (method) => {
  const valid = [encodeRequest(method, VALID[method])];
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 64 }).map(Buffer.from),
    fc.integer().map((seed) => mutated(valid, seededPick(seed))),
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
