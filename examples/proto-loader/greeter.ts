// A greeter that registers itself: node examples/dist/proto-loader/greeter.js NAME
import { promisify } from 'node:util';
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { RollcallClient } from 'rollcall';
import { Greeter } from './greeter-proto.js';

const name = process.argv[2] ?? 'loaded';

const server = new Server();
server.addService(Greeter.service, {
  greet(call: ServerUnaryCall<{ name: string }, unknown>, callback: sendUnaryData<unknown>) {
    callback(null, { greeting: `Hello, ${call.request.name}.`, from: name });
  },
});
const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure());

// The registry is that of ROLLCALL_SERVER, or 127.0.0.1:7400; the zone is that of ROLLCALL_ZONE.
const rollcall = new RollcallClient();

// SIGTERM: deregister, let callers leave, finish the calls that are under way, end.
rollcall.closeOnSignals({ server });
await rollcall.register({ service: 'greeter', id: name, addresses: [`127.0.0.1:${port}`] });
console.log(`${name} greets at 127.0.0.1:${port}`);
