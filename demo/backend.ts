// A greeter in a process of its own, which registers itself.
import { promisify } from 'node:util';
import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { RollcallClient } from 'rollcall';
import { GreeterService, type GreeterServer } from '../examples/gen/greeter.js';
import { machineMs } from './machine-clock.js';
import type { BackendMessage, BackendSettings } from './messages.js';

const { name, ttlMs, workMs } = JSON.parse(process.argv[2] ?? '{}') as BackendSettings;

const greeter: GreeterServer = {
  greet(call, callback) {
    const trailer = new Metadata();
    trailer.set('arrived-ms', String(machineMs()));
    // grpc-js says so itself when it makes a call again.
    trailer.set('retries', String(call.metadata.get('grpc-previous-rpc-attempts')[0] ?? 0));
    const answer = { greeting: `Hello, ${call.request.name}.`, from: name };
    setTimeout(() => callback(null, answer, trailer), workMs);
  },
};

const server = new Server();
server.addService(GreeterService, greeter);
const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure());

const rollcall = new RollcallClient();
rollcall.closeOnSignals({ server });
await rollcall.register({ service: 'greeter', id: name, addresses: [`127.0.0.1:${port}`] }, { ttlMs });
process.send?.({ registeredMs: machineMs() } satisfies BackendMessage);
