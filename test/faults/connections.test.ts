import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { METHODS } from '../integration/bad-input/methods.js';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { FaultStage } from '../support/fault-stage.js';
import { RawClient } from '../support/raw-client.js';
import { callHeaders } from '../support/raw-connection.js';
import { dataFrame, headersFrames, PREFACE, settingsFrame } from '../support/raw-frames.js';
import { framed } from '../support/raw-http2.js';
import { within } from '../support/until.js';

jest.setTimeout(120_000);

const addresses = [{ host: '10.0.0.1', port: 80 }];

// What it says of damaged answers is expected.
setLogVerbosity(logVerbosity.NONE);

let stage: FaultStage;

beforeAll(async () => {
  stage = await FaultStage.start();
});

afterAll(() => stage[Symbol.asyncDispose]());

const greeting = Buffer.concat([PREFACE, settingsFrame()]);
const request = headersFrames(1, callHeaders(METHODS.Register.path));
const message = dataFrame(1, framed(Buffer.alloc(1_000)));

/** What the silent say first. */
const FIRST_WORDS = [
  Buffer.alloc(0),
  PREFACE.subarray(0, 10),
  PREFACE,
  Buffer.concat([greeting, request.subarray(0, 20)]),
  Buffer.concat([greeting, request]),
  Buffer.concat([greeting, request, message.subarray(0, 500)]),
];

test('connections that fall silent, at whatever word, are closed after keepalive-time and keepalive-timeout', async () => {
  await stage.endure('silent connections', async () => {
    const silent = await Promise.all(Array.from({ length: 300 }, () => connectTo(stage.server.address)));
    for (const [index, socket] of silent.entries()) socket.write(FIRST_WORDS[index % FIRST_WORDS.length]!);
    await within('the server closes them', Promise.all(silent.map((socket) => once(socket, 'close'))), 30_000);
  });
});

test('clients that say a byte now and then are closed as well, as they answer no ping', async () => {
  const words = Buffer.concat([greeting, request, message]);
  await stage.endure('slow-loris', async () => {
    const slow = await Promise.all(Array.from({ length: 100 }, () => connectTo(stage.server.address)));
    let at = 0;
    const dripping = setInterval(() => {
      for (const socket of slow) if (socket.writable) socket.write(words.subarray(at, at + 1));
      at++;
    }, 20);
    try {
      await within('the server closes them', Promise.all(slow.map((socket) => once(socket, 'close'))), 30_000);
    } finally {
      clearInterval(dripping);
    }
  });
});

test('more connections than there are file descriptors: those that are open go on, and the others are closed at once', async () => {
  // The server has some forty open; the soft limit is given back after.
  const limit = (soft: number) =>
    execFileSync('prlimit', ['--pid', String(stage.server.pid), `--nofile=${soft}:`], { encoding: 'utf8' });
  await stage.endure('too many connections', async () => {
    limit(100);
    const sockets = await Promise.all(Array.from({ length: 400 }, () => connectTo(stage.server.address)));
    await within('the last is closed', once(sockets.at(-1)!, 'close'));
    limit(1_000);
    for (const socket of sockets) socket.destroy();
  });
});

test.each([
  ['cut', (proxy: FaultProxy) => proxy.cut()],
  ['reset', (proxy: FaultProxy) => proxy.sever()],
  ['left half-open', (proxy: FaultProxy) => proxy.halfOpen('client')],
  ['silenced', (proxy: FaultProxy) => proxy.silence()],
  ['silenced towards the server', (proxy: FaultProxy) => proxy.silence('toServer')],
  ['silenced towards the client', (proxy: FaultProxy) => proxy.silence('toClient')],
  ['damaged', (proxy: FaultProxy) => proxy.corrupt({ seed: 3, bytes: 1_000, gapMax: 100 })],
])('a hundred connections amid calls and watches that are %s', async (name, breakIt) => {
  await stage.endure(`connections ${name}`, async () => {
    await using proxy = await startFaultProxy(stage.server.address);
    const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(proxy.address)));
    for (const client of clients)
      client
        .rawWatch({ service: 'a' })
        .on('error', () => undefined)
        .resume();
    await Promise.all(clients.map((client) => client.listServices({})));
    breakIt(proxy);
    const options = { deadline: Date.now() + 1_000 };
    const registering = clients.map((client, index) =>
      client.register({ endpoint: { service: 'a', id: `${index}`, addresses }, ttl: { seconds: 1n } }, options),
    );
    await Promise.allSettled(registering);
    for (const client of clients) client[Symbol.dispose]();
  });
});

async function connectTo(address: string): Promise<Socket> {
  const [host, port] = address.split(':');
  const socket = connect({ host: host!, port: Number(port) });
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  return socket;
}
