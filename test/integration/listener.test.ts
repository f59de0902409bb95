import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Listener } from '../../src/server/listener.js';
import { startInProcess } from '../support/in-process-server.js';
import { RawClient } from '../support/raw-client.js';

const SOMAXCONN = '/proc/sys/net/core/somaxconn';
const ignored = { onConnection: (socket: Socket) => socket.destroy(), onError: () => undefined };

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

/** How many connections the kernel holds for a socket that listens, in /proc/net/tcp. */
function waitingOn(port: number): number {
  const LISTENS = '0A';
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
    const [, address = '', , state, queues = ''] = line.trim().split(/\s+/);
    if (state === LISTENS && address.endsWith(local)) return parseInt(queues.split(':')[1] ?? '', 16);
  }
  throw new Error(`nothing listens on port ${port}`);
}

const isLinux = process.platform === 'linux';
(isLinux && Number(readFileSync(SOMAXCONN, 'utf8')) >= 1_000 ? test : test.skip)(
  'connections that come at once while the server is busy wait for it, more than Node has them by itself',
  async () => {
    await using server = await startInProcess();
    const port = portOf(server.address);
    const sockets = Array.from({ length: 800 }, () => connect({ host: '127.0.0.1', port }));
    try {
      // Node asks for the connections in ticks, and accepts none before all of these are over.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      expect(waitingOn(port)).toBe(800);
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  },
);

test('a host of several addresses is listened on at each of them, at one port', async () => {
  await using server = await startInProcess({ settings: { listen: 'localhost:0' } });
  expect(server.address).toMatch(/^localhost:[1-9]\d*$/);
  using client = await RawClient.connect(server.address);
  await client.listServices({});
});

const hasIPv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'));
(hasIPv6 ? test : test.skip)('an address in brackets is one of IPv6', async () => {
  const listener = await Listener.open('[::1]:0', ignored);
  expect(listener.address).toMatch(/^\[::1\]:[1-9]\d*$/);
  listener.close();
});

test('a port where something listens is not shared with it', async () => {
  const other = createServer();
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await expect(Listener.open(`127.0.0.1:${port}`, ignored)).rejects.toMatchObject({
    reason: 'ADDRESS_UNAVAILABLE',
    message: `cannot listen on 127.0.0.1:${port}: something else listens there`,
  });
  other.close();
});

test('a host that there is not is said to be unavailable', async () => {
  await expect(Listener.open('nowhere.invalid:0', ignored)).rejects.toMatchObject({ reason: 'ADDRESS_UNAVAILABLE' });
});
