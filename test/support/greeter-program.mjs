// A backend as an application writes one: serves test.Greeter/Greet, registers itself, and leaves in good order when it
// is told to. Started by greeter-process.ts, which it obeys; ends with it.
import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { RollcallClient } from '../../dist/client/index.js';

const {
  name,
  service,
  servers,
  listen = '127.0.0.1:0',
  ttlMs = 15_000,
  weight,
  zone,
  delayMs = 0,
} = JSON.parse(process.argv[2]);
/** How long callers are given to learn that it leaves. */
const PROPAGATION_MS = 500;

const endWithParent = () => process.exit(1);
process.once('disconnect', endWithParent);

const server = new Server();
const greet = {
  path: '/test.Greeter/Greet',
  requestStream: false,
  responseStream: false,
  requestSerialize: Buffer.from,
  requestDeserialize: String,
  responseSerialize: Buffer.from,
  responseDeserialize: String,
};
server.addService(
  { greet },
  {
    greet(_call, callback) {
      if (delayMs === 0) callback(null, name);
      else setTimeout(() => callback(null, name), delayMs);
    },
  },
);
const port = await new Promise((resolve, reject) => {
  server.bindAsync(listen, ServerCredentials.createInsecure(), (error, bound) =>
    error ? reject(error) : resolve(bound),
  );
});
const client = new RollcallClient({ servers, ...(zone === undefined ? {} : { zone }) });
const registration = await client.register(
  { service, id: name, addresses: [`127.0.0.1:${port}`], ...(weight === undefined ? {} : { weight }) },
  { ttlMs },
);

const commands = {
  update: (change) => registration.update(change),
  async drain() {
    await registration.close();
    await sleep(PROPAGATION_MS);
    await new Promise((resolve, reject) => server.tryShutdown((error) => (error ? reject(error) : resolve())));
    await client.close();
    process.off('disconnect', endWithParent);
    process.send({ done: 'drain' }, () => process.disconnect());
  },
};
async function obey({ command, argument }) {
  await commands[command](argument);
  if (command !== 'drain') process.send({ done: command });
}
// What fails ends the process, and its starter sees why.
process.on('message', (message) => void obey(message));
process.send({ address: `127.0.0.1:${port}` });
