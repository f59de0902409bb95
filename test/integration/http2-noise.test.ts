import { connect } from 'node:net';
import * as fc from 'fast-check';
import { startInProcess, type InProcessServer } from '../support/in-process-server.js';
import { RawClient } from '../support/raw-client.js';
import {
  encodeFrame,
  encodeHeaders,
  FLAG,
  FrameSplitter,
  PREFACE,
  settingsFrame,
  TYPE,
} from '../support/raw-frames.js';
import { METHODS } from './bad-input/methods.js';

const RUNS = 300;

let server: InProcessServer;
let client: RawClient;
/** Of calls that noise has made, unless it was cut off before. */
let answers = 0;

beforeAll(async () => {
  server = await startInProcess();
  client = await RawClient.connect(server.address);
});

afterAll(async () => {
  client[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const stream = fc.constantFrom(1, 3, 5, 7);
const frame = (
  type: number,
  payload: fc.Arbitrary<Uint8Array>,
  flags: fc.Arbitrary<number> = fc.constantFrom(FLAG.none, FLAG.endStream),
) => fc.record({ type: fc.constant(type), flags, stream, payload });

const headers = fc
  .record({
    ':method': fc.constant('POST'),
    ':scheme': fc.constant('http'),
    // nghttp2 refuses a request without one, and nothing would get any further.
    ':authority': fc.constant('localhost'),
    ':path': fc.constantFrom(...Object.values(METHODS).map(({ path }) => path), '/grpc.health.v1.Health/Watch'),
    'content-type': fc.constant('application/grpc'),
    'grpc-timeout': fc.constantFrom('1m', '0n', '99999999H', 'soon'),
    'grpc-encoding': fc.constantFrom('identity', 'gzip', 'deflate', 'none'),
  })
  .map(encodeHeaders);

/** A message with a length in front that may be a lie. */
const message = fc
  .tuple(fc.constantFrom(0, 1, 2), fc.oneof(fc.nat(30), fc.nat(2 ** 31)), bytes(30))
  .map(([compressed, length, body]) => {
    const head = Buffer.alloc(5);
    head.writeUInt8(compressed, 0);
    head.writeUInt32BE(length, 1);
    return Buffer.concat([head, body]);
  });

const frames = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: frame(TYPE.headers, headers, fc.constantFrom(FLAG.endHeaders, FLAG.endHeaders | FLAG.endStream)),
    },
    { weight: 4, arbitrary: frame(TYPE.data, message) },
    { weight: 2, arbitrary: frame(TYPE.reset, fc.constantFrom(Buffer.from([0, 0, 0, 0]), Buffer.from([0, 0, 0, 8]))) },
    { weight: 1, arbitrary: frame(TYPE.windowUpdate, bytes(4)) },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.nat(255), flags: fc.nat(255), stream: fc.nat(7), payload: bytes(20) }),
    },
  ),
  { minLength: 1, maxLength: 12 },
);

/** Sends it all on a connection of its own, and lets go of it in one way or another. */
function send(noise: Buffer, goodbye: 'end' | 'destroy' | 'resetAndDestroy'): Promise<void> {
  return new Promise((resolve) => {
    const [host = '', port] = server.address.split(':');
    const socket = connect(Number(port), host);
    const splitter = new FrameSplitter();
    socket.on('error', () => undefined);
    socket.on('data', (received: Buffer) => {
      for (const { type } of splitter.take(received)) if (type === TYPE.headers) answers++;
    });
    socket.on('close', () => resolve());
    socket.write(noise, () => socket[goodbye]());
    // A server that has nothing to answer would wait for more.
    setTimeout(() => socket.destroy(), 20);
  });
}

test('frames in any order, with any content, end at most the connection that they came on', async () => {
  const goodbyes = fc.constantFrom('end', 'destroy', 'resetAndDestroy');
  const property = fc.asyncProperty(frames, fc.nat(1_000), goodbyes, async (noise, cut, goodbye) => {
    const all = Buffer.concat(noise.map(encodeFrame));
    await send(Buffer.concat([PREFACE, settingsFrame(), all.subarray(0, cut)]), goodbye);
    expect((await client.listServices({})).nextPageToken).toBe('');
    expect(server.errors).toEqual([]);
  });
  await fc.assert(property, { numRuns: RUNS });
  // Else all of it is refused below gRPC, and nothing of ours is tried.
  expect(answers).toBeGreaterThan(0);
});
