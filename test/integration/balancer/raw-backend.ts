import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import type { experimental } from '@grpc/grpc-js';
import { withAttributes } from '../../../src/balancer/endpoint-attributes.js';

/** The frame in which an HTTP/2 server tells its settings: all as they are by default. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

/** An address where connections are accepted, and no call is ever served. */
export interface RawBackend extends AsyncDisposable {
  /** How many connections so far. */
  accepted(): number;
  listed(attributes?: { readonly weight?: number; readonly zone?: string }): experimental.Endpoint;
}

/**
 * One that is `mute` says nothing on its connections; one that is `fickle` tells its settings, so that the connection
 * is made, and hangs up.
 */
export async function startRaw(id: string, manner: 'mute' | 'fickle' = 'mute'): Promise<RawBackend> {
  const open = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted++;
    open.add(socket);
    socket.on('error', () => undefined).once('close', () => open.delete(socket));
    if (manner === 'fickle') socket.once('data', () => socket.end(SETTINGS));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    accepted: () => accepted,
    listed: ({ weight = 100, zone = '' } = {}) => withAttributes([{ host: '127.0.0.1', port }], { id, weight, zone }),
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
