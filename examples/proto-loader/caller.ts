// Calls whoever is registered as greeter, ten times a second: node examples/dist/proto-loader/caller.js
import { credentials } from '@grpc/grpc-js';
import { RollcallClient } from 'rollcall';
import { registerRollcallResolver, ROLLCALL_CHANNEL_OPTIONS } from 'rollcall/resolver';
import { Greeter } from './greeter-proto.js';

const rollcall = new RollcallClient();
registerRollcallResolver(rollcall);
rollcall.closeOnSignals();

const greeter = new Greeter('rollcall:///greeter', credentials.createInsecure(), ROLLCALL_CHANNEL_OPTIONS);

setInterval(() => {
  const deadline = Date.now() + 2_000;
  greeter['greet']?.({ name: 'world' }, { deadline }, (error: Error | null, answer?: Record<string, string>) => {
    if (error !== null) throw error;
    console.log(`${answer?.['greeting']} (${answer?.['from']})`);
  });
}, 100);
