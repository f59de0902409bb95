// Calls whoever is registered as greeter, ten times a second: node examples/dist/nice-grpc/caller.js
import { setTimeout as sleep } from 'node:timers/promises';
import { createChannel, createClient } from 'nice-grpc';
import { RollcallClient } from 'rollcall';
import { registerRollcallResolver, ROLLCALL_CHANNEL_OPTIONS } from 'rollcall/resolver';
import { GreeterService } from '../gen/greeter.js';

const rollcall = new RollcallClient();
registerRollcallResolver(rollcall);
rollcall.closeOnSignals();

const channel = createChannel('rollcall:///greeter', undefined, ROLLCALL_CHANNEL_OPTIONS);
const greeter = createClient(GreeterService, channel);

for (;;) {
  const { greeting, from } = await greeter.greet({ name: 'world' }, { signal: AbortSignal.timeout(2_000) });
  console.log(`${greeting} (${from})`);
  await sleep(100);
}
