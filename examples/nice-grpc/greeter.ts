// A greeter that registers itself: node examples/dist/nice-grpc/greeter.js NAME
import { createServer } from 'nice-grpc';
import { RollcallClient } from 'rollcall';
import { GreeterService } from '../gen/greeter.js';

const name = process.argv[2] ?? 'nice';

const server = createServer();
server.add(GreeterService, {
  greet: (request) => Promise.resolve({ greeting: `Hello, ${request.name}.`, from: name }),
});
const port = await server.listen('127.0.0.1:0');

// The registry is that of ROLLCALL_SERVER, or 127.0.0.1:7400; the zone is that of ROLLCALL_ZONE.
const rollcall = new RollcallClient();

// SIGTERM: deregister, let callers leave, finish the calls that are under way, end.
rollcall.closeOnSignals({ server });
await rollcall.register({ service: 'greeter', id: name, addresses: [`127.0.0.1:${port}`] });
console.log(`${name} greets at 127.0.0.1:${port}`);
