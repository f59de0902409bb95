import { isIP } from 'node:net';
import { Endpoint, Health, type Address, type Locality } from '../gen/rollcall/v1/endpoint.js';
import { encodeMessage } from './encode-message.js';
import { DEFAULTS, LIMITS } from './limits.js';
import { checkName, checkServiceName, isName } from './names.js';
import type { Violations } from './violations.js';

/** The parts of an endpoint that `UpdateEndpoint` may change, by their field-mask paths. */
export const UPDATABLE_PATHS = ['weight', 'labels', 'metadata', 'health'] as const;
export type UpdatablePath = (typeof UPDATABLE_PATHS)[number];

/** An endpoint without revisions, and its bytes. */
export interface CheckedEndpoint {
  readonly endpoint: Endpoint;
  readonly encoded: Buffer;
}

/**
 * Checks what a client sent as an endpoint and fills in the defaults. Adds to
 * `violations`; the result is only good if none were added. The id may be
 * empty: whoever calls this chooses one. Revisions are dropped, and not
 * counted in the size: an endpoint at its bound can still be updated.
 */
export function checkEndpoint(violations: Violations, input: Endpoint, field: string): CheckedEndpoint {
  const { namespace, service } = checkServiceName(violations, input, `${field}.`);
  if (input.id !== '') checkName(violations, 'endpointId', `${field}.id`, input.id);
  checkAddresses(violations, input.addresses, `${field}.addresses`);
  checkLocality(violations, input.locality, `${field}.locality`);
  const updatable = checkUpdatable(violations, input, field);
  const { id, addresses, locality } = input;
  const endpoint = { namespace, service, id, addresses, locality, ...updatable, createRevision: 0, modRevision: 0 };
  const encoded = encodeMessage(Endpoint, endpoint);
  const size = encoded.length;
  violations.check(
    size <= LIMITS.endpointBytesMax,
    field,
    `must encode to at most ${LIMITS.endpointBytesMax} bytes, not ${size}`,
  );
  return { endpoint, encoded };
}

/** The part of {@link checkEndpoint} that concerns {@link UPDATABLE_PATHS}. */
export function checkUpdatable(violations: Violations, input: Endpoint, field: string): Pick<Endpoint, UpdatablePath> {
  const weight = input.weight ?? DEFAULTS.weight;
  violations.check(weight <= LIMITS.weightMax, `${field}.weight`, `must be 0–${LIMITS.weightMax}, not ${weight}`);
  checkMap(violations, input.labels, {
    field: `${field}.labels`,
    entriesMax: LIMITS.labelsMax,
    valueBytesMax: LIMITS.labelValueBytesMax,
  });
  checkMap(violations, input.metadata, {
    field: `${field}.metadata`,
    entriesMax: LIMITS.metadataMax,
    valueBytesMax: LIMITS.metadataValueBytesMax,
  });
  const health = input.health === Health.UNSPECIFIED ? Health.HEALTHY : input.health;
  violations.check(
    health === Health.HEALTHY || health === Health.UNHEALTHY || health === Health.DRAINING,
    `${field}.health`,
    'must be HEALTHY, UNHEALTHY or DRAINING',
  );
  return { weight, labels: input.labels, metadata: input.metadata, health };
}

function checkAddresses(violations: Violations, addresses: readonly Address[], field: string): void {
  violations.check(addresses.length > 0, field, 'at least one is required');
  if (
    !violations.check(
      addresses.length <= LIMITS.addressesMax,
      field,
      `at most ${LIMITS.addressesMax}, not ${addresses.length}`,
    )
  )
    return;
  for (const [index, { host, port }] of addresses.entries()) {
    const at = `${field}[${index}]`;
    if (isIP(host) === 0) checkName(violations, 'hostName', `${at}.host`, host);
    violations.check(port >= 1 && port <= LIMITS.portMax, `${at}.port`, `must be 1–${LIMITS.portMax}, not ${port}`);
  }
}

function checkLocality(violations: Violations, locality: Locality | undefined, field: string): void {
  if (locality === undefined) return;
  checkName(violations, 'localityPart', `${field}.region`, locality.region);
  checkName(violations, 'localityPart', `${field}.zone`, locality.zone);
  checkName(violations, 'localityPart', `${field}.sub_zone`, locality.subZone);
}

function checkMap(
  violations: Violations,
  map: Readonly<Record<string, string>>,
  rule: { field: string; entriesMax: number; valueBytesMax: number },
): void {
  const entries = Object.entries(map);
  if (!violations.check(entries.length <= rule.entriesMax, rule.field, `at most ${rule.entriesMax} entries`)) return;
  for (const [key, value] of entries) {
    const at = `${rule.field}[${JSON.stringify(key.slice(0, LIMITS.labelKeyLengthMax))}]`;
    if (!isName('labelKey', key)) checkName(violations, 'labelKey', at, key);
    violations.check(
      Buffer.byteLength(value) <= rule.valueBytesMax,
      at,
      `the value must be at most ${rule.valueBytesMax} bytes`,
    );
  }
}
