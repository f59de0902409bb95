import type { handleBidiStreamingCall, handleUnaryCall } from '@grpc/grpc-js';
import type { Catalog, Registered } from '../catalog/catalog.js';
import { toDuration, toMs } from '../core/duration.js';
import { encodeMessage } from '../core/encode-message.js';
import { invalidField } from '../core/errors.js';
import { encodeToken, NO_SCOPE, type Epoch, type Revision } from '../core/token.js';
import type { Endpoint } from '../gen/rollcall/v1/endpoint.js';
import { RegisterResponse, RegistryServiceService, type RegistryServiceServer } from '../gen/rollcall/v1/registry.js';
import { withTypedRefusals, pingPong, unary, type Codec, type MethodContext } from './method.js';
import { decodeLeaseIds, encodeRenewals, exactId, type LeaseIdAsked, type Renewals } from './renewal-codec.js';

const RENEWALS: Codec = { decode: decodeLeaseIds, encode: encodeRenewals };

export const registryServiceDefinition = withTypedRefusals(RegistryServiceService, {
  register: { encode: (response: RegisterResponse) => encodeMessage(RegisterResponse, response) },
  keepAlive: RENEWALS,
  renew: RENEWALS,
});

/** The handlers of {@link registryServiceDefinition}, whose renewals are of other types than in the generated code. */
type RegistryHandlers = Pick<RegistryServiceServer, 'register' | 'deregister' | 'updateEndpoint'> & {
  readonly keepAlive: handleBidiStreamingCall<readonly LeaseIdAsked[], Renewals>;
  readonly renew: handleUnaryCall<readonly LeaseIdAsked[], Renewals>;
};

/** `rollcall.v1.RegistryService` on a catalog. `epoch` is that of the catalog's store. */
export function registryService(catalog: Catalog, epoch: Epoch, context: MethodContext): RegistryHandlers {
  const tokenOf = (revision: Revision) => encodeToken({ epoch, revision, scope: NO_SCOPE });

  const renew = async (leaseIds: readonly LeaseIdAsked[]): Promise<Renewals> => {
    return { leaseIds, ttlsMs: await catalog.renew(leaseIds.map(knownId)) };
  };

  return {
    register: unary(context, async ({ endpoint, ttl, requestId }) => {
      const ttlMs = ttl && toMs(ttl);
      const registered = await catalog.register({ endpoint: required(endpoint), ttlMs, requestId });
      return {
        endpoint: registered.endpoint,
        leaseId: BigInt(registered.leaseId),
        ttl: toDuration(registered.ttlMs),
        resumeToken: tokenOf(registered.revision),
      };
    }),

    deregister: unary(context, async ({ namespace, service, endpointId, leaseId }) => {
      const revision = await catalog.deregister({ namespace, service, id: endpointId }, toLeaseId(leaseId));
      return { resumeToken: tokenOf(revision) };
    }),

    updateEndpoint: unary(context, async ({ endpoint, updateMask, leaseId }) => {
      const updated: Registered = await catalog.update(required(endpoint), updateMask ?? [], toLeaseId(leaseId));
      return { endpoint: updated.endpoint, resumeToken: tokenOf(updated.revision) };
    }),

    keepAlive: pingPong(context, renew),
    renew: unary(context, renew),
  };
}

function required(endpoint: Endpoint | undefined): Endpoint {
  if (endpoint === undefined) throw invalidField({ field: 'endpoint', description: 'is required' });
  return endpoint;
}

/** Ids beyond 2^53 were never given out; any number that was not either stands for them. */
function knownId(id: LeaseIdAsked): number {
  return typeof id === 'number' ? id : 0;
}

function toLeaseId(id: bigint): number {
  return knownId(exactId(id));
}
