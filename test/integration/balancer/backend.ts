import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { Server, ServerCredentials, status, type experimental, type ServerWritableStream } from '@grpc/grpc-js';
import { withAttributes } from '../../../src/balancer/endpoint-attributes.js';

const METHOD = '/balancertest.Greeter/Who';
const WATCH_METHOD = '/balancertest.Greeter/Watch';
const bytes = (value: Buffer) => value;

/** A gRPC server that tells its name, and counts the connections that were made to it. */
export interface Backend extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** How many connections were made so far, and how many are open. */
  readonly connections: { made: number; open: number };
  /** Streams that were opened; a test writes to them. */
  readonly streams: ServerWritableStream<Buffer, Buffer>[];
  /** While true, calls fail with INTERNAL. */
  failing: boolean;
  /** Ends all connections and listens no more: a process that died. */
  die(): Promise<void>;
  /** Ends all connections and goes on listening. */
  dropConnections(): void;
  /** It as a resolver lists it. A new object each time. */
  listed(attributes?: {
    readonly id?: string;
    readonly weight?: number;
    readonly zone?: string;
  }): experimental.Endpoint;
}

export async function startBackend(name: string, port = 0): Promise<Backend> {
  const sockets = new Set<Socket>();
  const connections = { made: 0, open: 0 };
  const server = new Server();
  server.register(
    METHOD,
    (_call: unknown, callback: (error: object | null, value?: Buffer) => void) =>
      backend.failing ? callback({ code: status.INTERNAL, details: name }) : callback(null, Buffer.from(name)),
    bytes,
    bytes,
    'unary',
  );
  const streams: ServerWritableStream<Buffer, Buffer>[] = [];
  server.register(
    WATCH_METHOD,
    (call: ServerWritableStream<Buffer, Buffer>) => void streams.push(call),
    bytes,
    bytes,
    'serverStream',
  );
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = createServer((socket) => {
    connections.made++;
    connections.open++;
    sockets.add(socket);
    socket.once('close', () => {
      connections.open--;
      sockets.delete(socket);
    });
    injector.injectConnection(socket);
  });
  listener.listen(port, '127.0.0.1');
  await once(listener, 'listening');
  let alive = true;
  const backend: Backend = {
    name,
    port: (listener.address() as AddressInfo).port,
    connections,
    streams,
    failing: false,
    dropConnections: () => sockets.forEach((socket) => socket.destroy()),
    async die() {
      if (!alive) return;
      alive = false;
      const closed = once(listener, 'close');
      listener.close();
      backend.dropConnections();
      server.forceShutdown();
      await closed;
    },
    listed: ({ id = name, weight = 100, zone = '' } = {}) =>
      withAttributes([{ host: '127.0.0.1', port: backend.port }], { id, weight, zone }),
    [Symbol.asyncDispose]: () => backend.die(),
  };
  return backend;
}

export const WHO = METHOD;
/** A stream of what a test writes to {@link Backend.streams}. */
export const WATCH = WATCH_METHOD;
