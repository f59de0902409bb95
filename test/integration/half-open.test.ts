import { RollcallClient } from '../../src/client/index.js';
import type { KeepAliveRequest } from '../../src/gen/rollcall/v1/registry.js';
import { startScripted, type Script } from '../support/scripted-server.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { until } from '../support/until.js';

// The pings of grpc-js are on its own clock: one after 10 s, 5 s for its answer.
jest.setTimeout(60_000);

const HOUR = { seconds: 3_600n, nanos: 0 };

function recording(): { script: Script; renewed: bigint[] } {
  const renewed: bigint[] = [];
  const script: Script = {
    register: (_call, callback) => {
      callback(null, { endpoint: undefined, leaseId: 5n, ttl: HOUR, resumeToken: 't' });
    },
    deregister: (_call, callback) => callback(null, { resumeToken: 't' }),
    keepAlive: (call) => {
      call.on('data', ({ leaseIds }: KeepAliveRequest) => {
        renewed.push(...leaseIds);
        call.write({ results: leaseIds.map((leaseId) => ({ leaseId, found: true, ttl: HOUR })) });
      });
      call.on('end', () => call.end());
    },
  };
  return { script, renewed };
}

it('a registration of an hour notices a cable that was cut, and is renewed elsewhere', async () => {
  const { script, renewed } = recording();
  await using first = await startScripted(script);
  await using second = await startScripted(script);
  await using network = await startFaultProxy(first.address);
  // Always the first of the servers.
  const random = { fraction: () => 0, fill: (bytes: Uint8Array) => void bytes.fill(7) };
  await using client = new RollcallClient({ servers: [network.address, second.address], random });
  const registration = await client.register({ service: 'payments', addresses: ['10.0.0.7:80'] }, { ttlMs: 3_600_000 });
  network.silence();
  expect(renewed).toEqual([]);
  await until('the lease was renewed', () => renewed.length > 0, 30_000);
  expect(renewed).toEqual([5n]);
  expect(registration.state).toMatchObject({ kind: 'registered', leaseId: 5n });
});
