/**
 * The caller of `first-call`, as a process of its own: calls `rollcall:///bench` without a pause, over the resolver and a
 * client of the control plane that its argument names. Tells its parent once a call was answered; ends with the parent.
 */
import { Client, credentials } from '@grpc/grpc-js';
import { RollcallClient } from '../src/client/index.js';
import { registerRollcallResolver, ROLLCALL_CHANNEL_OPTIONS } from '../src/resolver/index.js';

const bytes = (value: Buffer) => value;
registerRollcallResolver(new RollcallClient({ servers: [process.argv[2]!] }));
const stub = new Client('rollcall:///bench', credentials.createInsecure(), ROLLCALL_CHANNEL_OPTIONS);
const call = () =>
  new Promise<void>((resolve, reject) => {
    stub.makeUnaryRequest('/bench.FirstCall/Call', bytes, bytes, Buffer.alloc(0), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });

process.once('disconnect', () => process.exit(0));
await call();
process.send!('called');
// A call that fails ends the process, and with it the measurement.
for (;;) await call();
