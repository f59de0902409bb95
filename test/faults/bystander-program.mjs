// A client that behaves: one endpoint, one watch of it, and one call at a time, for ever. Each turn renews, changes the
// endpoint and waits for the change to be seen by the watch. Asked for its figures, it answers with what became of
// its calls since it was asked last. Started by bystander.ts; ends with it.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { DiscoveryServiceService as discovery, WatchRequest } from '../../dist/gen/rollcall/v1/discovery.js';
import {
  RegisterRequest,
  RegistryServiceService as registry,
  UpdateEndpointRequest,
} from '../../dist/gen/rollcall/v1/registry.js';

const PAUSE_MS = 5;

const client = new Client(process.argv[2], credentials.createInsecure(), { 'grpc.enable_retries': 0 });
const service = 'bystander';
const addresses = [{ host: '10.0.0.1', port: 80 }];

let latenciesMs = [];
let failures = [];
let seen = 0;
let wake = () => undefined;

function call({ path, requestSerialize, responseDeserialize }, request) {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      { deadline: Date.now() + 20_000 },
      (error, response) => (error === null ? resolve(response) : reject(error)),
    );
  });
}

async function timed(work) {
  const fromMs = performance.now();
  try {
    return await work();
  } catch (error) {
    failures.push(error.message);
    return undefined;
  } finally {
    latenciesMs.push(performance.now() - fromMs);
  }
}

const endpoint = { service, id: 'b', addresses };
const { leaseId } = await call(registry.register, RegisterRequest.fromPartial({ endpoint, ttl: { seconds: 3_600n } }));
const { path, requestSerialize, responseDeserialize } = discovery.watch;
const watching = WatchRequest.fromPartial({ service });
client
  .makeServerStreamRequest(path, requestSerialize, responseDeserialize, watching)
  .on('data', ({ revision }) => {
    seen = Number(revision);
    wake();
  })
  .on('error', (error) => failures.push(`the watch ended: ${error.message}`));

let goal = Infinity;
process.on('message', ({ calls }) => {
  goal = calls ?? Infinity;
  if (calls !== undefined) return;
  process.send({ latenciesMs, failures });
  latenciesMs = [];
  failures = [];
});
process.once('disconnect', () => process.exit());
process.send('ready');

for (let weight = 1; ; weight = (weight % 1_000) + 1) {
  await timed(() => call(registry.renew, { leaseIds: [leaseId] }));
  await timed(async () => {
    const request = UpdateEndpointRequest.fromPartial({
      endpoint: { ...endpoint, weight },
      updateMask: ['weight'],
      leaseId,
    });
    const updated = await call(registry.updateEndpoint, request);
    while (seen < updated.endpoint.modRevision) await new Promise((resolve) => (wake = resolve));
  });
  if (latenciesMs.length >= goal) {
    goal = Infinity;
    process.send('done');
  }
  await sleep(PAUSE_MS);
}
