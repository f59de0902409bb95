import { ERROR_DOMAIN } from '../../../src/rpc/error-map.js';
import { failure } from '../../support/rpc-failure.js';
import { invoke } from './methods.js';
import { registration, type Refused, type Row, type Stage } from './row.js';
import { ROWS } from './rows.js';
import { setStage } from './stage.js';

/** What the trailers of a refusal may take: some gRPC implementations drop a response with more than 8 KiB of them. */
const TRAILER_BYTES_MAX = 8 * 1024;

let stage: Stage;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ stage, close } = await setStage());
});

afterAll(() => close());

async function expectOutcome({ method, request, outcome }: Row): Promise<void> {
  const call = invoke(stage.client, method, request(stage));
  if ('answered' in outcome) outcome.expect((await call) as never, stage);
  else await expectRefusal(call, outcome);
}

async function expectRefusal(call: Promise<unknown>, { status, reason, fields }: Refused): Promise<void> {
  const refused = await failure(call);
  expect(refused).toMatchObject({ status, reason, domain: reason === undefined ? undefined : ERROR_DOMAIN });
  if (fields !== undefined) expect(refused.fields).toEqual(fields);
  expect(refused.trailerBytes).toBeLessThanOrEqual(TRAILER_BYTES_MAX);
}

const refusals = ROWS.filter(({ outcome }) => 'status' in outcome);
const answers = ROWS.filter(({ outcome }) => 'answered' in outcome);

test.each(refusals.map((row) => [row.method, row.input, row] as const))('%s refuses %s', (_method, _input, row) =>
  expectOutcome(row),
);

test.each(answers.map((row) => [row.method, row.input, row] as const))('%s answers %s', (_method, _input, row) =>
  expectOutcome(row),
);

test('a refusal of very many fields names the first of them, and fits the trailers of any client', async () => {
  const wrong = '名'.repeat(64);
  const labels = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`${index}${wrong}`, wrong.repeat(4)]));
  const { fields, trailerBytes } = await failure(stage.client.register(registration({ labels })));
  expect(fields.length).toBeGreaterThan(1);
  expect(fields[0]).toBe(`endpoint.labels["0${wrong.slice(0, 62)}"]`);
  expect(trailerBytes).toBeLessThanOrEqual(TRAILER_BYTES_MAX);
});

test('every method has rows, and no row is there twice', () => {
  const names = ROWS.map(({ method, input }) => `${method}: ${input}`);
  expect(new Set(names).size).toBe(names.length);
});
