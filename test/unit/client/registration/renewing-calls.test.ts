import { ServerCredentials } from '@grpc/grpc-js';
import type { PemCredentials } from '../../../../src/client/connection/channel-credentials.js';
import { RenewingCalls } from '../../../../src/client/registration/renewing-calls.js';
import type { RenewRequest, RenewResponse } from '../../../../src/gen/rollcall/v1/registry.js';
import { systemClock } from '../../../../src/lib/clock.js';
import { inTurn, startScripted } from '../../../support/scripted-server.js';
import { makeSelfSigned } from '../../../support/self-signed.js';

const results = [{ leaseId: 7n, found: true, ttl: { seconds: 3n, nanos: 0 } }];
const renewing = () => inTurn<RenewRequest, RenewResponse>({ results });

/** Nothing listens there, and nothing can. */
const NOWHERE = '127.0.0.1:1';

function callsTo(servers: string[], credentials?: PemCredentials) {
  const calls = new RenewingCalls({ servers, credentials, clock: systemClock });
  return Object.assign(calls, { [Symbol.dispose]: () => calls.close() });
}

describe('RenewingCalls', () => {
  it('go to the next server after a failure, and stay where they are answered', async () => {
    const renew = renewing();
    await using server = await startScripted({ renew });
    using calls = callsTo([NOWHERE, server.address]);
    await expect(calls.renew([7n], 1_000)).rejects.toThrow('UNAVAILABLE');
    await expect(calls.renew([7n], 1_000)).resolves.toEqual(results);
    await expect(calls.renew([8n], 1_000)).resolves.toEqual(results);
    expect(renew.requests).toEqual([{ leaseIds: [7n] }, { leaseIds: [8n] }]);
  });

  it('go to the preferred server first, whether or not it is one of those that were configured', async () => {
    const renew = renewing();
    await using server = await startScripted({ renew });
    using calls = callsTo([NOWHERE]);
    calls.prefer(server.address);
    await expect(calls.renew([7n], 1_000)).resolves.toEqual(results);
  });

  it('fail in time where nothing answers', async () => {
    await using server = await startScripted({ renew: () => undefined });
    using calls = callsTo([server.address]);
    await expect(calls.renew([7n], 100)).rejects.toThrow('DEADLINE_EXCEEDED');
  });

  it('work over TLS', async () => {
    const { key, certificate } = makeSelfSigned();
    const tls = ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: certificate }]);
    await using server = await startScripted({ renew: renewing() }, '127.0.0.1:0', tls);
    const address = server.address.replace('127.0.0.1', 'localhost');
    using calls = callsTo([address], { rootCerts: certificate });
    await expect(calls.renew([7n], 2_000)).resolves.toEqual(results);
    using insecure = callsTo([address]);
    await expect(insecure.renew([7n], 2_000)).rejects.toThrow(/UNAVAILABLE|DEADLINE_EXCEEDED/);
  });
});
