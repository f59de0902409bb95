import { LIMITS } from '../../../src/core/limits.js';
import { Endpoint, type Health } from '../../../src/gen/rollcall/v1/endpoint.js';
import type { RegisterResponse } from '../../../src/gen/rollcall/v1/registry.js';
import type { RequestOf } from './methods.js';
import { answered, entries, invalid, nameOf, registration, row, type Answered, type Row } from './row.js';

type EndpointInput = NonNullable<RequestOf<'Register'>['endpoint']>;

function refused(input: string, endpoint: EndpointInput, ...fields: string[]): Row {
  return row('Register', input, registration(endpoint), invalid(...fields));
}

function taken(input: string, endpoint: EndpointInput, outcome: Answered = answered('registered')): Row {
  return row('Register', input, registration(endpoint), outcome);
}

/** An endpoint that encodes to exactly that many bytes. */
function endpointOf(bytes: number): EndpointInput {
  const endpoint = registration({ id: 'large', metadata: { a: '', b: '', c: '', d: '', e: '' } }).endpoint!;
  const size = () =>
    Endpoint.encode(Endpoint.fromPartial({ ...endpoint, namespace: 'default', weight: 100, health: 1 })).finish()
      .length;
  const metadata = endpoint.metadata as Record<string, string>;
  for (const key of Object.keys(metadata)) {
    const left = bytes - size();
    metadata[key] = 'v'.repeat(Math.max(0, Math.min(LIMITS.metadataValueBytesMax, left)));
    // The lengths in front of the value and of its entry grow with it.
    while (size() > bytes) metadata[key] = metadata[key].slice(1);
  }
  if (size() !== bytes) throw new Error(`made ${size()} bytes, not ${bytes}`);
  return endpoint;
}

const asStored = ({ endpoint }: RegisterResponse) => endpoint!;

/** Every field of an endpoint, at its bound and one past it. */
export const ENDPOINT_FIELDS: readonly Row[] = [
  row('Register', 'no endpoint', { ttl: { seconds: 15n } }, invalid('endpoint')),

  taken(
    'no namespace',
    { namespace: '' },
    answered('registered in `default`', (answer: RegisterResponse) =>
      expect(asStored(answer).namespace).toBe('default'),
    ),
  ),
  taken(`a namespace of ${LIMITS.namespaceLengthMax} characters`, { namespace: nameOf(LIMITS.namespaceLengthMax) }),
  refused(
    `a namespace of ${LIMITS.namespaceLengthMax + 1} characters`,
    { namespace: nameOf(LIMITS.namespaceLengthMax + 1) },
    'endpoint.namespace',
  ),
  ...['Upper', '-a', 'a-', 'a.b', 'a/b', 'a\u0000', 'ä'].map((namespace) =>
    refused(`a namespace outside the grammar: ${JSON.stringify(namespace)}`, { namespace }, 'endpoint.namespace'),
  ),

  refused('no service', { service: '' }, 'endpoint.service'),
  taken(`a service of ${LIMITS.serviceLengthMax} characters`, { service: nameOf(LIMITS.serviceLengthMax) }),
  refused(
    `a service of ${LIMITS.serviceLengthMax + 1} characters`,
    { service: nameOf(LIMITS.serviceLengthMax + 1) },
    'endpoint.service',
  ),
  ...['.a', 'a.', 'a/b', 'a b', 'a\n', '../x'].map((service) =>
    refused(`a service outside the grammar: ${JSON.stringify(service)}`, { service }, 'endpoint.service'),
  ),

  taken(
    'no id',
    { id: '' },
    answered('registered under a new UUIDv7', (answer: RegisterResponse) =>
      expect(asStored(answer).id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    ),
  ),
  taken(`an id of ${LIMITS.endpointIdLengthMax} characters`, { id: nameOf(LIMITS.endpointIdLengthMax) }),
  refused(
    `an id of ${LIMITS.endpointIdLengthMax + 1} characters`,
    { id: nameOf(LIMITS.endpointIdLengthMax + 1) },
    'endpoint.id',
  ),
  ...['a/b', 'a b', 'é'].map((id) =>
    refused(`an id outside the grammar: ${JSON.stringify(id)}`, { id }, 'endpoint.id'),
  ),

  refused('no addresses', { addresses: [] }, 'endpoint.addresses'),
  taken(`${LIMITS.addressesMax} addresses`, {
    addresses: Array.from({ length: LIMITS.addressesMax }, () => ({ host: '::1', port: 1 })),
  }),
  refused(
    `${LIMITS.addressesMax + 1} addresses`,
    { addresses: Array.from({ length: LIMITS.addressesMax + 1 }, () => ({ host: '::1', port: 1 })) },
    'endpoint.addresses',
  ),
  refused(
    'an empty address',
    { addresses: [{ host: 'a', port: 1 }, {}] },
    'endpoint.addresses[1].host',
    'endpoint.addresses[1].port',
  ),
  taken(`a host of ${LIMITS.hostLengthMax} characters`, {
    addresses: [{ host: nameOf(LIMITS.hostLengthMax), port: 1 }],
  }),
  refused(
    `a host of ${LIMITS.hostLengthMax + 1} characters`,
    { addresses: [{ host: nameOf(LIMITS.hostLengthMax + 1), port: 1 }] },
    'endpoint.addresses[0].host',
  ),
  ...['[::1]', '10.0.0.1:80', 'http://a', 'a b', '-a'].map((host) =>
    refused(
      `a host that is neither an address nor a name: ${JSON.stringify(host)}`,
      { addresses: [{ host, port: 1 }] },
      'endpoint.addresses[0].host',
    ),
  ),
  refused('port 0', { addresses: [{ host: 'a', port: 0 }] }, 'endpoint.addresses[0].port'),
  taken(`port ${LIMITS.portMax}`, { addresses: [{ host: 'a', port: LIMITS.portMax }] }),
  refused(
    `port ${LIMITS.portMax + 1}`,
    { addresses: [{ host: 'a', port: LIMITS.portMax + 1 }] },
    'endpoint.addresses[0].port',
  ),

  taken('an empty locality', { locality: {} }),
  taken(`locality parts of ${LIMITS.localityPartLengthMax} characters`, {
    locality: {
      region: nameOf(LIMITS.localityPartLengthMax),
      zone: nameOf(LIMITS.localityPartLengthMax),
      subZone: nameOf(LIMITS.localityPartLengthMax),
    },
  }),
  refused(
    `locality parts of ${LIMITS.localityPartLengthMax + 1} characters`,
    {
      locality: {
        region: nameOf(LIMITS.localityPartLengthMax + 1),
        zone: nameOf(LIMITS.localityPartLengthMax + 1),
        subZone: nameOf(LIMITS.localityPartLengthMax + 1),
      },
    },
    'endpoint.locality.region',
    'endpoint.locality.zone',
    'endpoint.locality.sub_zone',
  ),
  refused('a locality part with a slash', { locality: { zone: 'a/b' } }, 'endpoint.locality.zone'),

  taken(
    'no weight',
    {},
    answered('registered with 100', (answer: RegisterResponse) => expect(asStored(answer).weight).toBe(100)),
  ),
  taken(
    'weight 0',
    { weight: 0 },
    answered('registered with 0', (answer: RegisterResponse) => expect(asStored(answer).weight).toBe(0)),
  ),
  taken(`weight ${LIMITS.weightMax}`, { weight: LIMITS.weightMax }),
  refused(`weight ${LIMITS.weightMax + 1}`, { weight: LIMITS.weightMax + 1 }, 'endpoint.weight'),
  refused('weight 4294967295', { weight: 4_294_967_295 }, 'endpoint.weight'),

  ...(['labels', 'metadata'] as const).flatMap((map) => {
    const [countMax, valueBytesMax] =
      map === 'labels'
        ? [LIMITS.labelsMax, LIMITS.labelValueBytesMax]
        : [LIMITS.metadataMax, LIMITS.metadataValueBytesMax];
    const longKey = nameOf(LIMITS.labelKeyLengthMax);
    return [
      taken(`${countMax} ${map}`, { [map]: entries(countMax) }),
      refused(`${countMax + 1} ${map}`, { [map]: entries(countMax + 1) }, `endpoint.${map}`),
      taken(`a key in ${map} of ${LIMITS.labelKeyLengthMax} characters`, { [map]: { [longKey]: '' } }),
      refused(
        `a key in ${map} of ${LIMITS.labelKeyLengthMax + 1} characters`,
        { [map]: { [`${longKey}n`]: '' } },
        `endpoint.${map}["${longKey}"]`,
      ),
      refused(`an empty key in ${map}`, { [map]: { '': 'v' } }, `endpoint.${map}[""]`),
      refused(`a key in ${map} outside the grammar: "a b"`, { [map]: { 'a b': 'v' } }, `endpoint.${map}["a b"]`),
      taken(
        `a key in ${map} that is a word of JavaScript: "constructor"`,
        { [map]: { constructor: 'v' } },
        answered('registered', (answer: RegisterResponse) =>
          expect(Object.entries(asStored(answer)[map])).toEqual([['constructor', 'v']]),
        ),
      ),
      taken(`a value in ${map} of ${valueBytesMax} bytes`, { [map]: { a: 'v'.repeat(valueBytesMax) } }),
      refused(
        `a value in ${map} of ${valueBytesMax + 1} bytes`,
        { [map]: { a: 'v'.repeat(valueBytesMax + 1) } },
        `endpoint.${map}["a"]`,
      ),
      refused(
        `a value in ${map} of ${valueBytesMax + 1} bytes in fewer characters`,
        { [map]: { a: `v${'é'.repeat(valueBytesMax / 2)}v`.padEnd(Math.ceil(valueBytesMax / 2) + 2, 'v') } },
        `endpoint.${map}["a"]`,
      ),
      taken(
        `a value in ${map} in any script`,
        { [map]: { a: 'naïve — 名前 — 🗺' } },
        answered('registered', (answer: RegisterResponse) =>
          expect(asStored(answer)[map]).toEqual({ a: 'naïve — 名前 — 🗺' }),
        ),
      ),
    ];
  }),

  ...[4, 5, -1, 2_147_483_647].map((health) =>
    refused(
      health === 4 ? 'health SUSPECT, which the server alone sets' : `health ${health}, which is no value of the enum`,
      { health: health as Health },
      'endpoint.health',
    ),
  ),

  taken(`an endpoint of exactly ${LIMITS.endpointBytesMax} bytes`, endpointOf(LIMITS.endpointBytesMax)),
  refused(`an endpoint of ${LIMITS.endpointBytesMax + 1} bytes`, endpointOf(LIMITS.endpointBytesMax + 1), 'endpoint'),

  taken(
    'revisions of its own',
    { createRevision: 9_000_000, modRevision: -1 },
    answered('registered; they are ignored', (answer: RegisterResponse) => {
      expect(asStored(answer).modRevision).toBeGreaterThan(0);
      expect(asStored(answer).createRevision).toBeLessThan(9_000_000);
    }),
  ),
  refused(
    'several wrong fields',
    { namespace: 'A', service: '', weight: 70_000 },
    'endpoint.namespace',
    'endpoint.service',
    'endpoint.weight',
  ),
];
