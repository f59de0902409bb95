import { credentials as grpcCredentials, type ChannelCredentials } from '@grpc/grpc-js';
import { invalidField } from '../../core/errors.js';
import { messageOf } from '../../lib/message-of.js';

/** TLS as plain data, PEM each. Without any of them: TLS with the system's root certificates. */
export interface PemCredentials {
  /** Of the authorities that may have signed the servers' certificates; those that grpc-js trusts unless given. */
  readonly rootCerts?: string | Uint8Array | undefined;
  /** Of the client, for servers that ask for a certificate; with `certChain` or not at all. */
  readonly privateKey?: string | Uint8Array | undefined;
  readonly certChain?: string | Uint8Array | undefined;
}

export function isPemCredentials(credentials: ChannelCredentials | PemCredentials): credentials is PemCredentials {
  // Not `instanceof`: an application may have another copy of grpc-js.
  return !('compose' in credentials);
}

/**
 * What grpc-js takes.
 *
 * @throws RollcallError INVALID_FIELD for PEMs that are none, or a key without its certificate
 */
export function toChannelCredentials(credentials: ChannelCredentials | PemCredentials | undefined): ChannelCredentials {
  if (credentials === undefined) return grpcCredentials.createInsecure();
  if (!isPemCredentials(credentials)) return credentials;
  const { rootCerts, privateKey, certChain } = credentials;
  try {
    return grpcCredentials.createSsl(toBuffer(rootCerts), toBuffer(privateKey), toBuffer(certChain));
  } catch (error) {
    throw invalidField({ field: 'credentials', description: messageOf(error) });
  }
}

function toBuffer(pem: string | Uint8Array | undefined): Buffer | null {
  if (pem === undefined) return null;
  return typeof pem === 'string' ? Buffer.from(pem) : Buffer.from(pem);
}
