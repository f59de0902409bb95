import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { LIMITS } from '../../src/core/limits.js';
import { startInProcess, type InProcessServer } from '../support/in-process-server.js';
import { framed, MessageSplitter, RawHttp2 } from '../support/raw-http2.js';
import { RawClient } from '../support/raw-client.js';
import { failure } from '../support/rpc-failure.js';
import { within } from '../support/until.js';
import { encodeRequest, METHODS } from './bad-input/methods.js';

let server: InProcessServer;
let client: RawClient;
let http2: RawHttp2;

beforeAll(async () => {
  server = await startInProcess();
  client = await RawClient.connect(server.address);
  http2 = new RawHttp2(server.address);
});

/** Whatever a test did, the server is well and has logged no error. */
afterEach(async () => {
  await client.listServices({});
  expect(server.errors).toEqual([]);
});

afterAll(async () => {
  http2[Symbol.dispose]();
  client[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

const RENEW = METHODS.Renew.path;
const oneLease = encodeRequest('Renew', { leaseIds: [1n] });

test.each(['/rollcall.v1.RegistryService/Nothing', '/rollcall.v2.RegistryService/Renew', '/'])(
  'the method %s is not implemented',
  async (path) => {
    expect(await failure(client.send(path, Buffer.alloc(0)))).toMatchObject({ status: 'UNIMPLEMENTED' });
  },
);

test.each([METHODS.Renew.path, METHODS.Watch.path])('%s without a message is not implemented', async (path) => {
  expect(await http2.request(path, [])).toMatchObject({ grpcStatus: status.UNIMPLEMENTED });
});

test('a unary call with two messages is not implemented', async () => {
  expect(await http2.request(RENEW, [framed(oneLease), framed(oneLease)])).toMatchObject({
    grpcStatus: status.UNIMPLEMENTED,
  });
});

test.each([1, 16, 17, 18, 500])(
  '%i requests of a stream in one go, and its end, are each answered',
  async (requests) => {
    const body = Buffer.concat(Array.from({ length: requests }, () => framed(oneLease)));
    const answer = await within('the stream ended', http2.request(METHODS.KeepAlive.path, [body]));
    expect(answer).toMatchObject({ grpcStatus: status.OK });
    expect([...new MessageSplitter().take(answer.body)]).toHaveLength(requests);
  },
);

test('a compressed request is understood', async () => {
  const headers = { 'grpc-encoding': 'gzip' };
  const body = [framed(gzipSync(oneLease), { compressed: true })];
  expect(await http2.request(RENEW, body, headers)).toMatchObject({ grpcStatus: status.OK });
});

test('a small message that decompresses to more than 1 MiB is refused', async () => {
  const bomb = gzipSync(Buffer.alloc(100 * LIMITS.messageBytesMax));
  expect(bomb.length).toBeLessThan(LIMITS.messageBytesMax);
  const answer = await http2.request(RENEW, [framed(bomb, { compressed: true })], { 'grpc-encoding': 'gzip' });
  expect(answer).toMatchObject({ grpcStatus: status.RESOURCE_EXHAUSTED });
});

test('a message that does not decompress is an error of that call alone', async () => {
  const answer = await http2.request(RENEW, [framed(oneLease, { compressed: true })], { 'grpc-encoding': 'gzip' });
  expect(answer).toMatchObject({ grpcStatus: status.INTERNAL });
});

test('a compression that is not known is not implemented', async () => {
  const answer = await http2.request(RENEW, [framed(oneLease, { compressed: true })], { 'grpc-encoding': 'zstd' });
  expect(answer).toMatchObject({ grpcStatus: status.UNIMPLEMENTED });
});

test('a call whose deadline has passed is told so', async () => {
  const call = client.send(METHODS.Watch.path, encodeRequest('Watch', { service: 'a' }), { deadline: 1 });
  expect(await failure(call)).toMatchObject({ status: 'DEADLINE_EXCEEDED' });
});

test('a watch ends at its deadline, and its place is free', async () => {
  const answer = await http2.request(METHODS.Watch.path, [framed(encodeRequest('Watch', { service: 'a' }))], {
    'grpc-timeout': '50m',
  });
  expect(answer).toMatchObject({ grpcStatus: status.DEADLINE_EXCEEDED });
  expect(server.server.counts.watches).toBe(0);
});

test.each([
  ['a content type that is not gRPC', { 'content-type': 'application/json' }],
  ['a method that is not POST', { ':method': 'GET' }],
  ['a timeout that is none', { 'grpc-timeout': 'soon' }],
  ['a binary header that is not base64', { 'x-bin': '!!!' }],
  ['a path without a method', { ':path': '/rollcall.v1.RegistryService' }],
  ['a very long path', { ':path': `/${'a'.repeat(10_000)}` }],
  ['a very long header', { 'x-long': 'a'.repeat(10_000) }],
])('%s harms nobody', async (_what, headers) => {
  const answer = await within('the answer came', http2.request(RENEW, [framed(oneLease)], headers));
  expect(answer.httpStatus).toBeDefined();
});

test.each([
  ['HTTP/1.1', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['noise', '\x00\xff'.repeat(1_000)],
])('a connection that speaks %s is closed', async (_what, bytes) => {
  const [host, port] = server.address.split(':');
  const socket = connect(Number(port), host);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined).resume();
  socket.write(bytes, 'latin1');
  await within('the connection was closed', closed);
  expect(socket.destroyed).toBe(true);
});
