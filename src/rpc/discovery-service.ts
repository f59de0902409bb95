import type { Listing } from '../catalog/listing.js';
import { checkServiceName } from '../core/names.js';
import { checkSelector } from '../core/selector.js';
import { decodeToken } from '../core/token.js';
import { Violations } from '../core/violations.js';
import {
  DiscoveryServiceService,
  type DiscoveryServiceServer,
  type WatchRequest,
} from '../gen/rollcall/v1/discovery.js';
import type { WatchHub, WatchTarget } from '../watch/watch-hub.js';
import { CallSink } from './call-sink.js';
import { BYTES, withTypedRefusals, serverStream, unary, type MethodContext } from './method.js';

/** `Watch` is given bytes that the hub has encoded. */
export const discoveryServiceDefinition = withTypedRefusals(DiscoveryServiceService, { watch: BYTES });

/** `rollcall.v1.DiscoveryService` on a hub and a listing. */
export function discoveryService(hub: WatchHub, listing: Listing, context: MethodContext): DiscoveryServiceServer {
  return {
    watch: serverStream<WatchRequest, unknown>(context, async (call, request, signal) => {
      const target = checkWatch(request, call.getPeer());
      const forget = await hub.watch(target, new CallSink(call, context), signal);
      if (signal.aborted) forget();
      else signal.addEventListener('abort', forget, { once: true });
    }),
    listEndpoints: unary(context, (request) => listing.endpoints(request)),
    listServices: unary(context, (request) => listing.services(request)),
  };
}

/** @throws RollcallError INVALID_FIELD, INVALID_TOKEN */
function checkWatch(request: WatchRequest, connection: string): WatchTarget {
  const violations = new Violations();
  const name = checkServiceName(violations, request);
  const selector = checkSelector(violations, request.selector, 'selector');
  violations.throwIfAny();
  const token = request.resumeToken === '' ? undefined : decodeToken(request.resumeToken, 'resume_token');
  return { name, selector, token, viewDigest: request.viewDigest, connection };
}
