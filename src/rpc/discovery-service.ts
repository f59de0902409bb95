import type { Listing } from '../catalog/listing.js';
import {
  DiscoveryServiceService,
  type DiscoveryServiceServer,
  type WatchRequest,
} from '../gen/rollcall/v1/discovery.js';
import { Outlet } from '../watch/outlet.js';
import type { WatchHub } from '../watch/watch-hub.js';
import { CallSink } from './call-sink.js';
import { checkWatch } from './check-watch.js';
import { BYTES, withTypedRefusals, serverStream, unary, type MethodContext } from './method.js';
import { watchMany } from './watch-many.js';

/** Watches are given bytes that the hub has encoded. */
export const discoveryServiceDefinition = withTypedRefusals(DiscoveryServiceService, {
  watch: BYTES,
  watchMany: BYTES,
});

/** `rollcall.v1.DiscoveryService` on a hub and a listing. */
export function discoveryService(hub: WatchHub, listing: Listing, context: MethodContext): DiscoveryServiceServer {
  return {
    watch: serverStream<WatchRequest, unknown>(context, async (call, request, signal) => {
      const target = checkWatch(request, call.getPeer());
      const forget = await hub.watch(target, new Outlet(new CallSink(call, context)), signal);
      if (signal.aborted) forget();
      else signal.addEventListener('abort', forget, { once: true });
    }),
    watchMany: watchMany(hub, context),
    listEndpoints: unary(context, (request) => listing.endpoints(request)),
    listServices: unary(context, (request) => listing.services(request)),
  };
}
