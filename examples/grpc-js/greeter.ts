// A greeter that registers itself: node examples/dist/grpc-js/greeter.js NAME
import { promisify } from 'node:util';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { RollcallClient } from 'rollcall';
import { GreeterService, type GreeterServer } from '../gen/greeter.js';

const name = process.argv[2] ?? 'plain';

const server = new Server();
const greeter: GreeterServer = {
  greet: (call, callback) => callback(null, { greeting: `Hello, ${call.request.name}.`, from: name }),
};
server.addService(GreeterService, greeter);
const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure());

// The registry is that of ROLLCALL_SERVER, or 127.0.0.1:7400; the zone is that of ROLLCALL_ZONE.
const rollcall = new RollcallClient();

// SIGTERM: deregister, let callers leave, finish the calls that are under way, end.
rollcall.closeOnSignals({ server });
await rollcall.register({ service: 'greeter', id: name, addresses: [`127.0.0.1:${port}`] });
console.log(`${name} greets at 127.0.0.1:${port}`);
