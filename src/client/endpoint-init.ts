import { Health, type Address, type Endpoint, type Locality } from '../gen/rollcall/v1/endpoint.js';
import { parseHostPort } from '../core/host-port.js';

/** What an application says of an endpoint it registers; the limits are those of `Endpoint` in the protos. */
export interface EndpointInit {
  readonly service: string;
  /** `host:port` (IPv6 hosts in brackets), or objects. At least one. */
  readonly addresses: readonly (string | Address)[];
  /** A UUIDv7 unless given. Another registration of the same id replaces this one. */
  readonly id?: string | undefined;
  /** The client's namespace unless given. */
  readonly namespace?: string | undefined;
  /** Its zone is the client's unless given. */
  readonly locality?: Partial<Locality> | undefined;
  /** A whole number, 0–65,535; 100 unless given. */
  readonly weight?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** `Health.HEALTHY` unless given. */
  readonly health?: Health | undefined;
}

/** The parts of a live registration that can be changed. Those given replace what was; maps are replaced whole. */
export type EndpointUpdate = Pick<EndpointInit, 'weight' | 'labels' | 'metadata' | 'health'>;

/**
 * The message for an endpoint.
 *
 * @throws RollcallError INVALID_FIELD for an address that is none; the rest is not checked here
 */
export function toEndpoint(init: EndpointInit, defaults: { namespace: string; id: string; zone?: string }): Endpoint {
  const { zone = '' } = defaults;
  const locality = init.locality ?? (zone === '' ? undefined : { zone });
  return {
    namespace: init.namespace || defaults.namespace,
    service: init.service,
    id: init.id || defaults.id,
    addresses: init.addresses.map((address, index) =>
      typeof address === 'string' ? parseHostPort(address, `endpoint.addresses[${index}]`) : address,
    ),
    locality: locality && {
      region: locality.region ?? '',
      zone: locality.zone ?? zone,
      subZone: locality.subZone ?? '',
    },
    weight: init.weight,
    labels: { ...init.labels },
    metadata: { ...init.metadata },
    health: init.health ?? Health.UNSPECIFIED,
    createRevision: 0,
    modRevision: 0,
  };
}

/** An endpoint with an update applied, and the field-mask paths of what the update names. */
export function applyUpdate(endpoint: Endpoint, update: EndpointUpdate): { endpoint: Endpoint; paths: string[] } {
  const { weight, labels, metadata, health } = update;
  const changes = {
    ...(weight === undefined ? {} : { weight }),
    ...(labels === undefined ? {} : { labels: { ...labels } }),
    ...(metadata === undefined ? {} : { metadata: { ...metadata } }),
    ...(health === undefined ? {} : { health }),
  };
  return { endpoint: { ...endpoint, ...changes }, paths: Object.keys(changes) };
}
