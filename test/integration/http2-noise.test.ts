import { connect } from 'node:net';
import * as fc from 'fast-check';
import { startInProcess, type InProcessServer } from '../support/in-process-server.js';
import { RawClient } from '../support/raw-client.js';
import { METHODS } from './bad-input/methods.js';

const RUNS = 300;
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

let server: InProcessServer;
let client: RawClient;

beforeAll(async () => {
  server = await startInProcess();
  client = await RawClient.connect(server.address);
});

afterAll(async () => {
  client[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

const TYPE = { data: 0, headers: 1, reset: 3, settings: 4, windowUpdate: 8 } as const;
const END_HEADERS = 4;
const END_STREAM = 1;

function encodeFrame({ type, flags, stream, payload }: Frame): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Headers as HPACK has them when nothing is indexed. */
function encodeHeaders(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => [value.length, ...Buffer.from(value)];
  return Buffer.from(Object.entries(headers).flatMap(([name, value]) => [0, ...text(name), ...text(value)]));
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const stream = fc.constantFrom(1, 3, 5, 7);
const frame = (
  type: number,
  payload: fc.Arbitrary<Uint8Array>,
  flags: fc.Arbitrary<number> = fc.constantFrom(0, END_STREAM),
) => fc.record({ type: fc.constant(type), flags, stream, payload });

const headers = fc
  .record({
    ':method': fc.constant('POST'),
    ':scheme': fc.constant('http'),
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
    { weight: 4, arbitrary: frame(TYPE.headers, headers, fc.constantFrom(END_HEADERS, END_HEADERS | END_STREAM)) },
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
    socket.on('error', () => undefined).resume();
    socket.on('close', () => resolve());
    socket.write(noise, () => socket[goodbye]());
    // A server that has nothing to answer would wait for more.
    setTimeout(() => socket.destroy(), 20);
  });
}

test('frames in any order, with any content, end at most the connection that they came on', async () => {
  const goodbyes = fc.constantFrom('end', 'destroy', 'resetAndDestroy');
  const settings = encodeFrame({ type: TYPE.settings, flags: 0, stream: 0, payload: Buffer.alloc(0) });
  const property = fc.asyncProperty(frames, fc.nat(1_000), goodbyes, async (noise, cut, goodbye) => {
    const all = Buffer.concat(noise.map(encodeFrame));
    await send(Buffer.concat([PREFACE, settings, all.subarray(0, cut)]), goodbye);
    expect((await client.listServices({})).nextPageToken).toBe('');
    expect(server.errors).toEqual([]);
  });
  await fc.assert(property, { numRuns: RUNS });
});
