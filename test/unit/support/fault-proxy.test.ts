import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { startFaultProxy, type FaultProxy } from '../../support/fault-proxy.js';
import { until } from '../../support/until.js';

/** One end of a connection: what came, and how it ended. */
interface End {
  readonly socket: Socket;
  readonly received: () => Buffer;
  readonly receivedBytes: () => number;
  /** `open`; `ended` once the peer sent its FIN, `reset` once it was reset. */
  readonly state: () => 'open' | 'ended' | 'reset';
}

interface Listener extends AsyncDisposable {
  readonly address: string;
  readonly next: () => Promise<End>;
}

let listener: Listener;
let proxy: FaultProxy;
let near: End;
let far: End;

beforeEach(async () => {
  listener = await listen();
  proxy = await startFaultProxy(listener.address);
  near = dial(proxy.address);
  far = await listener.next();
});

afterEach(async () => {
  near.socket.destroy();
  await proxy[Symbol.asyncDispose]();
  await listener[Symbol.asyncDispose]();
});

function observe(socket: Socket): End {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let state: ReturnType<End['state']> = 'open';
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
  });
  socket.on('end', () => (state = 'ended'));
  socket.on('error', () => (state = 'reset'));
  return { socket, received: () => Buffer.concat(chunks), receivedBytes: () => bytes, state: () => state };
}

function dial(address: string): End {
  const [host, port] = address.split(':');
  return observe(connect({ host: host!, port: Number(port), allowHalfOpen: true }));
}

async function listen(): Promise<Listener> {
  const waiting: End[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    waiting.push(observe(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: () => until('a connection came', () => waiting.shift()),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Bytes of which no two stretches are alike. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
  return bytes;
}

const receives = (end: End, length: number) => until(`${length} bytes came`, () => end.receivedBytes() >= length);
const ends = (end: End, how: 'ended' | 'reset') => until(`it was ${how}`, () => end.state() === how);

/** Both ways work, and nothing that was sent before is lost or late. */
async function expectWell(from = near, to = far): Promise<void> {
  const [before, beforeBack] = [to.receivedBytes(), from.receivedBytes()];
  from.socket.write('ping');
  to.socket.write('pong');
  await receives(to, before + 4);
  await receives(from, beforeBack + 4);
  expect(to.received().toString('latin1', before)).toBe('ping');
  expect(from.received().toString('latin1', beforeBack)).toBe('pong');
}

/** Sees that nothing comes, for as long as another connection needs for twenty round trips. */
async function expectNothing(end: End): Promise<void> {
  const before = end.receivedBytes();
  const from = dial(listener.address);
  const to = await listener.next();
  for (let round = 0; round < 20; round++) await expectWell(from, to);
  from.socket.destroy();
  expect(end.receivedBytes()).toBe(before);
}

test('bytes pass in both directions, unharmed and in order', async () => {
  const bytes = pattern(3_000_000);
  near.socket.write(bytes);
  far.socket.write(bytes);
  await receives(far, bytes.length);
  await receives(near, bytes.length);
  expect(far.received().equals(bytes)).toBe(true);
  expect(near.received().equals(bytes)).toBe(true);
});

test('a FIN closes its own direction alone', async () => {
  near.socket.end('last');
  await ends(far, 'ended');
  expect(far.received().toString()).toBe('last');
  far.socket.end('answer');
  await ends(near, 'ended');
  expect(near.received().toString()).toBe('answer');
  await until('the connection is gone', () => proxy.connections === 0);
});

test('a reset of one peer reaches the other', async () => {
  far.socket.resetAndDestroy();
  await ends(near, 'reset');
});

test('a server that is not there is a reset', async () => {
  await using nowhere = await startFaultProxy(`127.0.0.1:1`);
  const end = dial(nowhere.address);
  await ends(end, 'reset');
});

test('silence holds back everything, the closing of connections and new connections too, until it is restored', async () => {
  proxy.silence();
  near.socket.end('ping');
  const late = dial(proxy.address);
  late.socket.write('late');
  await expectNothing(far);
  expect(far.state()).toBe('open');
  const lateFar = await listener.next();
  expect(lateFar.receivedBytes()).toBe(0);
  proxy.restore();
  await ends(far, 'ended');
  expect(far.received().toString()).toBe('ping');
  await receives(lateFar, 4);
  await expectWell(late, lateFar);
  late.socket.destroy();
});

test('silence of one direction leaves the other as it is', async () => {
  proxy.silence('toServer');
  near.socket.write('ping');
  far.socket.write('pong');
  await receives(near, 4);
  await expectNothing(far);
  proxy.restore();
  await receives(far, 4);
  proxy.silence('toClient');
  far.socket.write('more');
  near.socket.write('more');
  await receives(far, 8);
  await expectNothing(near);
});

test('a delay holds for each byte, keeps their order, and does not add up', async () => {
  const latencyMs = 40;
  proxy.delay(latencyMs, 'toServer');
  const fromMs = performance.now();
  for (let index = 0; index < 50; index++) near.socket.write(Buffer.from([index]));
  far.socket.write('at once');
  await receives(near, 7);
  expect(far.receivedBytes()).toBe(0);
  await receives(far, 50);
  expect(performance.now() - fromMs).toBeGreaterThanOrEqual(latencyMs);
  expect([...far.received()]).toEqual(Array.from({ length: 50 }, (_, index) => index));
  proxy.restore();
  await expectWell();
});

test('a throttled direction passes no more bytes in a time than it was told', async () => {
  const bytes = pattern(40_000);
  proxy.throttle(200_000, 'toClient');
  const fromMs = performance.now();
  far.socket.write(bytes);
  await receives(near, bytes.length);
  // The first of the fifty pieces of a second goes at once.
  expect(performance.now() - fromMs).toBeGreaterThanOrEqual((36_000 / 200_000) * 1_000);
  expect(near.received().equals(bytes)).toBe(true);
});

test.each([
  ['does not read', () => void far.socket.pause()],
  ['is behind a silent line', () => proxy.silence()],
  ['is behind a slow line', () => proxy.throttle(1_000)],
  ['is far away', () => proxy.delay(10_000)],
])('who writes to a peer that %s is stopped, and loses nothing', async (_what, hinder) => {
  hinder();
  const chunk = pattern(64 * 1024);
  const chunks = 1_000;
  let written = 0;
  const write = () => {
    while (written < chunks) {
      written++;
      if (!near.socket.write(chunk)) return void near.socket.once('drain', write);
    }
  };
  write();
  let before = -1;
  await until('no more is taken', async () => {
    const stopped = written === before;
    before = written;
    await expectNothing({ ...far, receivedBytes: () => 0 });
    return stopped;
  });
  // What the kernel holds for two connections, and little more.
  expect(written).toBeLessThan(chunks / 2);
  proxy.restore();
  far.socket.resume();
  await receives(far, chunks * chunk.length);
  const all = far.received();
  for (let index = 0; index < chunks; index++) {
    expect(all.subarray(index * chunk.length, (index + 1) * chunk.length).equals(chunk)).toBe(true);
  }
});

test('corruption flips one bit in each of so many bytes, the same for a seed, however the bytes are cut', async () => {
  const bytes = pattern(20_000);
  const damaged = async (chunkBytes: number): Promise<Buffer> => {
    const from = far.receivedBytes();
    proxy.corrupt({ seed: 7, bytes: 12, gapMax: 900 }, 'toServer');
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      near.socket.write(bytes.subarray(at, at + chunkBytes));
      if (chunkBytes < bytes.length) await receives(far, from + Math.min(at + chunkBytes, bytes.length));
    }
    await receives(far, from + bytes.length);
    return far.received().subarray(from);
  };
  const whole = await damaged(bytes.length);
  const flips = [...whole.entries()].map(([at, byte]) => byte ^ bytes[at]!).filter((difference) => difference !== 0);
  expect(flips).toHaveLength(12);
  for (const flip of flips) expect(flip & (flip - 1)).toBe(0);
  expect((await damaged(1_111)).equals(whole)).toBe(true);
  await expectWell();
});

test('a cut closes both sides in good order, also when bytes are under way', async () => {
  far.socket.write(pattern(1_000_000));
  near.socket.write(pattern(1_000_000));
  proxy.cut();
  await ends(near, 'ended');
  await ends(far, 'ended');
  near.socket.end();
  far.socket.end();
  await until('the connection is gone', () => proxy.connections === 0);
});

test('severing resets both sides', async () => {
  proxy.sever();
  await ends(near, 'reset');
  await ends(far, 'reset');
});

test('half-open: the server is told nothing of a client that is gone', async () => {
  proxy.halfOpen('client');
  await ends(near, 'ended');
  far.socket.write('anyone?');
  await expectNothing(far);
  expect(far.state()).toBe('open');
});

test('half-open: the client is told nothing of a server that is gone', async () => {
  proxy.halfOpen('server');
  await ends(far, 'ended');
  near.socket.write('anyone?');
  await expectNothing(near);
  expect(near.state()).toBe('open');
});
