import type { Catalog, Registered } from '../catalog/catalog.js';
import { toDuration, toMs } from '../core/duration.js';
import { invalidField } from '../core/errors.js';
import { encodeToken, NO_SCOPE, type Epoch, type Revision } from '../core/token.js';
import type { Endpoint } from '../gen/rollcall/v1/endpoint.js';
import { RegistryServiceService, type LeaseRenewal, type RegistryServiceServer } from '../gen/rollcall/v1/registry.js';
import { withTypedRefusals, pingPong, unary, type MethodContext } from './method.js';

export const registryServiceDefinition = withTypedRefusals(RegistryServiceService);

/** `rollcall.v1.RegistryService` on a catalog. `epoch` is that of the catalog's store. */
export function registryService(catalog: Catalog, epoch: Epoch, context: MethodContext): RegistryServiceServer {
  const tokenOf = (revision: Revision) => encodeToken({ epoch, revision, scope: NO_SCOPE });

  const renew = async ({ leaseIds }: { leaseIds: readonly bigint[] }): Promise<{ results: LeaseRenewal[] }> => {
    const ttls = await catalog.renew(leaseIds.map(toLeaseId));
    const results = leaseIds.map((leaseId, index) => {
      const ttlMs = ttls[index];
      return { leaseId, found: ttlMs !== undefined, ttl: ttlMs === undefined ? undefined : toDuration(ttlMs) };
    });
    return { results };
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
function toLeaseId(id: bigint): number {
  return id > 0n && id <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : 0;
}
