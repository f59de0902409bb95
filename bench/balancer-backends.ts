/**
 * A gRPC server of `balancer`, as a process of its own: listens on as many ports of 127.0.0.1 as its argument says, and
 * answers every call on each of them with nothing. Tells its parent the ports; ends with the parent.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';

const bytes = (value: Buffer) => value;
const server = new Server();
server.register(
  '/bench.Balancer/Call',
  (_call: unknown, callback: (error: null, value: Buffer) => void) => callback(null, Buffer.alloc(0)),
  bytes,
  bytes,
  'unary',
);
const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
const ports: number[] = [];
for (let made = 0; made < Number(process.argv[2]); made++) {
  const listener = createServer((socket) => injector.injectConnection(socket)).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  ports.push((listener.address() as AddressInfo).port);
}
process.once('disconnect', () => process.exit(0));
process.send!(ports);
