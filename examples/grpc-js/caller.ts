// Calls whoever is registered as greeter, ten times a second: node examples/dist/grpc-js/caller.js
import { credentials, Metadata } from '@grpc/grpc-js';
import { RollcallClient } from 'rollcall';
import { registerRollcallResolver, ROLLCALL_CHANNEL_OPTIONS } from 'rollcall/resolver';
import { GreeterClient } from '../gen/greeter.js';

const rollcall = new RollcallClient();
registerRollcallResolver(rollcall);
rollcall.closeOnSignals();

const greeter = new GreeterClient('rollcall:///greeter', credentials.createInsecure(), ROLLCALL_CHANNEL_OPTIONS);

setInterval(() => {
  greeter.greet({ name: 'world' }, new Metadata(), { deadline: Date.now() + 2_000 }, (error, answer) => {
    if (error !== null) throw error;
    console.log(`${answer.greeting} (${answer.from})`);
  });
}, 100);
