import { credentials as grpcCredentials, ServerCredentials } from '@grpc/grpc-js';
import { RollcallClient } from '../../../../src/client/index.js';
import type { PemCredentials } from '../../../../src/client/connection/channel-credentials.js';
import type { RollcallClientOptions } from '../../../../src/client/index.js';
import type { Script } from '../../../support/scripted-server.js';
import { startScripted } from '../../../support/scripted-server.js';
import { makeSelfSigned } from '../../../support/self-signed.js';
import { within } from '../../../support/until.js';

const { key, certificate } = makeSelfSigned();
const another = makeSelfSigned();

const script: Script = {
  listServices: (_call, callback) => callback(null, { services: [], nextPageToken: '', resumeToken: 't' }),
};

const startTls = () =>
  startScripted(
    script,
    '127.0.0.1:0',
    ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: certificate }]),
  );

const startMutualTls = () =>
  startScripted(
    script,
    '127.0.0.1:0',
    ServerCredentials.createSsl(another.certificate, [{ private_key: key, cert_chain: certificate }], true),
  );

async function call(address: string, credentials: RollcallClientOptions['credentials']): Promise<void> {
  // By name, as it should be: Node warns of IP addresses in TLS.
  await using client = new RollcallClient({ servers: [address.replace('127.0.0.1', 'localhost')], credentials });
  for await (const _ of client.listServices({ timeoutMs: 1_500 }));
}

describe('credentials', () => {
  it.each<[string, RollcallClientOptions['credentials']]>([
    ['PEMs as text', { rootCerts: certificate.toString() }],
    ['PEMs as bytes', { rootCerts: new Uint8Array(certificate) }],
    ['those that grpc-js makes', grpcCredentials.createSsl(certificate)],
  ])('that are %s work with TLS', async (_, credentials) => {
    await using server = await startTls();
    await call(server.address, credentials);
  });

  it('may have the client prove who it is', async () => {
    await using server = await startMutualTls();
    const client = { privateKey: another.key, certChain: another.certificate.toString() };
    await call(server.address, { rootCerts: certificate, ...client });
    await expect(call(server.address, { rootCerts: certificate })).rejects.toMatchObject({
      reason: 'SERVER_UNREACHABLE',
    });
  });

  it.each<[string, PemCredentials, string]>([
    ['a certificate that is none', { rootCerts: 'nonsense', privateKey: 'x', certChain: 'y' }, 'PEM'],
    ['a key without its certificate', { privateKey: key }, 'accompanying certificate'],
    ['a certificate without its key', { certChain: certificate }, 'accompanying private key'],
  ])('are refused at once: %s', (_, credentials, why) => {
    const make = () => new RollcallClient({ credentials });
    expect(make).toThrow(
      expect.objectContaining({
        reason: 'INVALID_FIELD',
        violations: [{ field: 'credentials', description: expect.stringContaining(why) }],
      }),
    );
  });
});

describe('a client and a server that do not agree on TLS', () => {
  it.each<[string, () => ReturnType<typeof startTls>, RollcallClientOptions['credentials']]>([
    ['TLS against plaintext', () => startScripted(script), { rootCerts: certificate }],
    ['plaintext against TLS', startTls, undefined],
    ['an authority that the client does not trust', startTls, { rootCerts: another.certificate }],
  ])('get a typed error in time: %s', async (_, start, credentials) => {
    await using server = await start();
    const failing = within('it fails', call(server.address, credentials), 5_000);
    await expect(failing).rejects.toMatchObject({ reason: 'SERVER_UNREACHABLE' });
  });
});
