import { checkEndpoint } from '../core/endpoint.js';
import { invalidField } from '../core/errors.js';
import * as shape from '../core/shape.js';
import { Violations } from '../core/violations.js';
import { Health, type Address, type Endpoint, type Locality } from '../gen/rollcall/v1/endpoint.js';
import { applyUpdate, toEndpoint, type EndpointInit, type EndpointUpdate } from './endpoint-init.js';

const UPDATABLE = 'weight, labels, metadata and health can be changed';

const updatable = {
  weight: shape.uint32,
  labels: shape.textMap,
  metadata: shape.textMap,
  health: shape.memberOf('Health', Health, 'HEALTHY'),
} satisfies shape.Properties<EndpointUpdate>;

const endpointUpdate = shape.objectOf<EndpointUpdate>(updatable);

const address = shape.objectOf<Address>({
  host: shape.required(shape.text),
  port: shape.required(shape.uint32),
});

const addresses = shape.listOf((violations, value, field) => {
  if (!shape.isText(value)) address(violations, value, field);
}, "a list such as ['10.0.0.7:8080']");

const IN_LOCALITY = "write locality: { region: 'r', zone: 'a', subZone: 's' }";
const IN_OPTIONS = 'it belongs to the options, the second argument';

/** Those of a message are taken along, and mean nothing, as on the wire. */
const revisions = { createRevision: shape.unlisted, modRevision: shape.unlisted };

const endpointInit = shape.objectOf<EndpointInit & { createRevision: number; modRevision: number }>(
  {
    service: shape.required(shape.text),
    addresses: shape.required(addresses),
    id: shape.text,
    namespace: shape.text,
    locality: shape.objectOf<Locality>({ region: shape.text, zone: shape.text, subZone: shape.text }),
    ...updatable,
    ...revisions,
  },
  {
    region: IN_LOCALITY,
    zone: IN_LOCALITY,
    subZone: IN_LOCALITY,
    ttlMs: IN_OPTIONS,
    timeoutMs: IN_OPTIONS,
    signal: IN_OPTIONS,
    address: "write addresses: ['host:port']",
    host: "write addresses: ['host:port']",
    port: "write addresses: ['host:port']",
    endpointId: 'write id',
  },
);

/**
 * The message for an endpoint that is to be registered. What is wrong with it is said here, by the server's own rules,
 * and not after a way to the server.
 *
 * @throws RollcallError INVALID_FIELD
 */
export function checkedEndpoint(init: EndpointInit, defaults: Parameters<typeof toEndpoint>[1]): Endpoint {
  shape.checkShape(endpointInit, init, 'endpoint');
  return valid(toEndpoint(init, defaults), 'endpoint');
}

/**
 * Checks an update of `endpoint` as {@link checkedEndpoint} checks an endpoint.
 *
 * @throws RollcallError INVALID_FIELD, also for an update that changes nothing
 */
export function checkUpdate(endpoint: Endpoint, update: EndpointUpdate): void {
  shape.checkShape(endpointUpdate, update, 'update');
  const { endpoint: updated, paths } = applyUpdate(endpoint, update);
  if (paths.length === 0) throw invalidField({ field: 'update', description: `nothing to update: ${UPDATABLE}` });
  valid(updated, 'update');
}

function valid(endpoint: Endpoint, field: string): Endpoint {
  const violations = new Violations();
  checkEndpoint(violations, endpoint, field);
  violations.throwIfAny();
  return endpoint;
}
