/** The JSON forms of what the commands print. Names are those of the protos' fields; units go last. */
import { Health, type ServiceSummary, type WatchEvent, type Endpoint } from '../client/index.js';

const HEALTH_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(Health).map(([name, value]) => [value, name]),
);

/** `HEALTHY` and so on. */
export function healthName(health: Health): string {
  return HEALTH_NAMES[health] ?? `HEALTH_${health}`;
}

export function endpointObject(endpoint: Endpoint): object {
  const { namespace, service, id, addresses, locality, weight, labels, metadata, health } = endpoint;
  return {
    namespace,
    service,
    id,
    addresses,
    ...(locality === undefined
      ? {}
      : { locality: { region: locality.region, zone: locality.zone, sub_zone: locality.subZone } }),
    weight,
    labels,
    metadata,
    health: healthName(health),
    create_revision: endpoint.createRevision,
    mod_revision: endpoint.modRevision,
  };
}

export function serviceObject({ namespace, service, healthy, unhealthy, draining, suspect }: ServiceSummary): object {
  return { namespace, service, healthy, unhealthy, draining, suspect };
}

export function eventObject(event: WatchEvent): object {
  const { type, revision } = event;
  const token = event.resumeToken === '' ? {} : { resume_token: event.resumeToken };
  switch (event.type) {
    case 'snapshot':
      return { type, revision, reason: event.reason, endpoints: event.endpoints.map(endpointObject), ...token };
    case 'delta': {
      const removed = event.removed.map((one) => ({
        endpoint_id: one.endpointId,
        reason: one.reason,
        revision: one.revision,
      }));
      return { type, revision, upserted: event.upserted.map(endpointObject), removed, ...token };
    }
    case 'reconnect':
      return { type, revision, delay_max_ms: event.delayMaxMs, alternates: event.alternates, ...token };
    default:
      return { type, revision, ...token };
  }
}
