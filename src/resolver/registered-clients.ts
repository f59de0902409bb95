import type { RollcallClient } from '../client/index.js';
import { invalidField, RollcallError } from '../core/errors.js';
import type { Followings } from './followings.js';
import type { ServiceConfigs } from './service-config.js';

/** A client that answers for targets, and how. */
export interface RegisteredClient {
  readonly client: RollcallClient;
  readonly followings: Followings;
  /**
   * @param own the service config that a channel was given, as JSON that grpc-js has accepted
   * @throws RollcallError INVALID_FIELD for a policy that cannot be used
   */
  serviceConfigsFor(own: string | undefined): ServiceConfigs;
}

const registered = new Map<string, RegisteredClient>();

/**
 * Has a client answer for an authority: `rollcall://AUTHORITY/…`, or `rollcall:///…` for the empty one.
 *
 * @throws RollcallError INVALID_FIELD when another client, which is not closed, does
 */
export function addClient(authority: string, entry: RegisteredClient): void {
  const other = registered.get(authority);
  if (other !== undefined && other.client !== entry.client && !other.client.closed) {
    const description = `another client answers for ${targetsOf(authority)} already`;
    throw invalidField({ field: 'authority', description });
  }
  registered.set(authority, entry);
}

/** Undoes {@link addClient}, unless another has taken its place. */
export function removeClient(authority: string, entry: RegisteredClient): void {
  if (registered.get(authority) === entry) registered.delete(authority);
}

/** @throws RollcallError INVALID_FIELD when no client answers for the authority; CLIENT_CLOSED when it was closed */
export function clientOf(authority: string): RegisteredClient {
  const entry = registered.get(authority);
  if (entry !== undefined) {
    if (!entry.client.closed) return entry;
    throw new RollcallError('CLIENT_CLOSED', `the client that answers for ${targetsOf(authority)} was closed`);
  }
  const names = [...registered.keys()].map(targetsOf).join(', ');
  const description = `no client was registered for ${targetsOf(authority)}; there is ${names === '' ? 'none' : names}`;
  throw invalidField({ field: 'target.authority', description });
}

function targetsOf(authority: string): string {
  return `rollcall://${authority}/…`;
}
