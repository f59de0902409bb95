// A greeter that knows nothing of Rollcall: node examples/dist/sidecar/greeter.js NAME PORT
// `rollcall register` starts it, and keeps it registered for as long as it runs.
import { createServer } from 'nice-grpc';
import { GreeterService } from '../gen/greeter.js';

const [name = 'beside', port = '50051'] = process.argv.slice(2);

const server = createServer();
server.add(GreeterService, {
  greet: (request) => Promise.resolve({ greeting: `Hello, ${request.name}.`, from: name }),
});
await server.listen(`127.0.0.1:${port}`);

process.once('SIGTERM', () => void server.shutdown());
console.log(`${name} greets at 127.0.0.1:${port}`);
