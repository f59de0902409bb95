import { deflateSync, gzipSync } from 'node:zlib';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { status } from '@grpc/grpc-js';
import { LIMITS } from '../../src/core/limits.js';
import { encodeRequest, METHOD_NAMES, METHODS } from '../integration/bad-input/methods.js';
import { FaultStage } from '../support/fault-stage.js';
import { callHeaders, RawConnection, type RawOutcome } from '../support/raw-connection.js';
import { framed } from '../support/raw-http2.js';

jest.setTimeout(120_000);

let stage: FaultStage;

beforeAll(async () => {
  stage = await FaultStage.start();
});

afterAll(() => stage[Symbol.asyncDispose]());

const RENEW = callHeaders(METHODS.Renew.path);
const oneLease = encodeRequest('Renew', { leaseIds: [1n] });

/** Makes many calls on one connection, a hundred at a time, and says how often each status came. */
async function statuses(
  calls: number,
  call: (attacker: RawConnection, index: number) => Promise<RawOutcome>,
): Promise<Record<string, number>> {
  using attacker = await RawConnection.greet(stage.server.address);
  const counts: Record<string, number> = {};
  let next = 0;
  const work = async () => {
    while (next < calls && !attacker.isOver) {
      const { grpcStatus, reset } = await call(attacker, next++);
      const what = grpcStatus === undefined ? (reset === undefined ? 'no gRPC' : 'reset') : status[grpcStatus]!;
      counts[what] = (counts[what] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 100 }, work));
  return counts;
}

/** As a client would send it. */
const inFrames = (body: Buffer): Buffer[] =>
  Array.from({ length: Math.ceil(body.length / 16_384) }, (_, at) => body.subarray(at * 16_384, (at + 1) * 16_384));

const byteByByte = (body: Buffer): Buffer[] => Array.from(body, (_, at) => body.subarray(at, at + 1));

test('messages that come byte by byte, each in a DATA frame of its own', async () => {
  const endpoint = { service: 'a', id: 'a', addresses: [{ host: '10.0.0.1', port: 80 }] };
  const body = framed(encodeRequest('Register', { endpoint }));
  await stage.endure('1-byte DATA', async () => {
    const counts = await statuses(1_000, (attacker) =>
      attacker.call(callHeaders(METHODS.Register.path), byteByByte(body)),
    );
    // Those that race for one id may lose.
    expect((counts['OK'] ?? 0) + (counts['ABORTED'] ?? 0)).toBe(1_000);
  });
});

test('large messages that come byte by byte', async () => {
  // A field that is not known here, of as many bytes as fit.
  const length = LIMITS.messageBytesMax - 16;
  const message = Buffer.concat([
    Buffer.from(
      new BinaryWriter()
        .uint32((100 << 3) | 2)
        .uint32(length)
        .finish(),
    ),
    Buffer.alloc(length),
  ]);
  await stage.endure('1 MiB in 1-byte DATA', async () => {
    const counts = await statuses(1, (attacker) => attacker.call(RENEW, byteByByte(framed(message))));
    expect(counts).toEqual({ OK: 1 });
  });
});

test('a message that says it has two gigabytes, for each method', async () => {
  const head = Buffer.from([0, 0x80, 0, 0, 0]);
  await stage.endure('2 GB announced', async () => {
    for (const name of METHOD_NAMES) {
      const counts = await statuses(300, (attacker) => attacker.call(callHeaders(METHODS[name].path), [head]));
      expect(counts).toEqual({ RESOURCE_EXHAUSTED: 300 });
    }
  });
});

const compressed = (encoding: string) => callHeaders(METHODS.Renew.path, { 'grpc-encoding': encoding });

/** What is compressed, how it says that it is, and what is said of it. */
const COMPRESSED: readonly (readonly [what: string, encoding: string, body: Buffer, expected: string])[] = [
  ['gzip that is none', 'gzip', framed(Buffer.from('this is no gzip'), { compressed: true }), 'INTERNAL'],
  ['gzip that ends too soon', 'gzip', framed(gzipSync(oneLease).subarray(0, 15), { compressed: true }), 'INTERNAL'],
  ['gzip of nothing at all', 'gzip', framed(Buffer.alloc(0), { compressed: true }), 'INTERNAL'],
  ['deflate that is gzip', 'deflate', framed(gzipSync(oneLease), { compressed: true }), 'INTERNAL'],
  [
    'gzip with noise behind',
    'gzip',
    framed(Buffer.concat([gzipSync(oneLease), Buffer.from('noise')]), { compressed: true }),
    'INTERNAL',
  ],
  [
    'a bomb',
    'gzip',
    framed(gzipSync(Buffer.alloc(100 * LIMITS.messageBytesMax)), { compressed: true }),
    'RESOURCE_EXHAUSTED',
  ],
  ['an encoding unknown here', 'zstd', framed(oneLease, { compressed: true }), 'UNIMPLEMENTED'],
  ['deflate', 'deflate', framed(deflateSync(oneLease), { compressed: true }), 'OK'],
];

test('compressed requests, of which most are not what they say', async () => {
  await stage.endure('compressed requests', async () => {
    for (const [what, encoding, body, expected] of COMPRESSED) {
      const calls = body.length > 10_000 ? 20 : 300;
      const counts = await statuses(calls, (attacker) => attacker.call(compressed(encoding), inFrames(body)));
      expect({ what, counts }).toEqual({ what, counts: { [expected]: calls } });
    }
  });
});

test('thousands of tiny compressed messages at once, on streams that take many', async () => {
  const tiny = framed(gzipSync(Buffer.alloc(0)), { compressed: true });
  const many = Buffer.concat(Array.from({ length: Math.floor(16_000 / tiny.length) }, () => tiny));
  await stage.endure('tiny gzip messages', async () => {
    const counts = await statuses(10, (attacker) =>
      attacker.call(callHeaders(METHODS.KeepAlive.path, { 'grpc-encoding': 'gzip' }), [many]),
    );
    expect(counts).toEqual({ OK: 10 });
  });
});

/** Headers that are wrong, or odd, and what is said of them. */
const HEADERS: readonly (readonly [what: string, headers: Readonly<Record<string, string>>, expected: string])[] = [
  ['a path without a slash', { ':path': 'rollcall' }, 'reset'],
  ['a path that is a star', { ':path': '*' }, 'reset'],
  ['a content type that is not gRPC', { 'content-type': 'application/json' }, 'no gRPC'],
  ['a method that is not POST', { ':method': 'GET' }, 'OK'],
  ['a timeout that is none', { 'grpc-timeout': 'soon' }, 'INTERNAL'],
  ['a timeout of millions of years', { 'grpc-timeout': '99999999999H' }, 'OK'],
  ['a timeout of no time, which a fast answer keeps', { 'grpc-timeout': '0n' }, 'OK'],
  ['a binary header that is not base64', { 'x-bin': '!!!' }, 'OK'],
  ['a header that is no text', { 'x-text': '\u00ff\u0080' }, 'OK'],
  ['headers of 60 kB', { 'x-long': 'a'.repeat(60_000) }, 'OK'],
];

test('calls by the hundred whose headers are wrong', async () => {
  await stage.endure('wrong headers', async () => {
    for (const [what, headers, expected] of HEADERS) {
      const block = callHeaders(METHODS.Renew.path, headers);
      const counts = await statuses(200, (attacker) => attacker.call(block, [framed(oneLease)]));
      expect({ what, counts }).toEqual({ what, counts: { [expected]: 200 } });
    }
  });
});

test('thousands of methods that are not there, each another', async () => {
  await stage.endure('unknown methods', async () => {
    const counts = await statuses(3_000, (attacker, index) =>
      attacker.call(callHeaders(`/rollcall.v1.RegistryService/${index}`), [framed(oneLease)]),
    );
    expect(counts).toEqual({ UNIMPLEMENTED: 3_000 });
  });
});
