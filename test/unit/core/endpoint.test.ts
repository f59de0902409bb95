import { checkEndpoint } from '../../../src/core/endpoint.js';
import { LIMITS } from '../../../src/core/limits.js';
import { Violations } from '../../../src/core/violations.js';
import { Endpoint, Health, Locality } from '../../../src/gen/rollcall/v1/endpoint.js';

const VALID = { service: 'payments', addresses: [{ host: '10.0.0.1', port: 80 }] };

function check(partial: Parameters<typeof Endpoint.fromPartial>[0]): { fields: string[]; checked: Endpoint } {
  const violations = new Violations();
  const { endpoint: checked, encoded } = checkEndpoint(
    violations,
    Endpoint.fromPartial({ ...VALID, ...partial }),
    'endpoint',
  );
  expect(Endpoint.decode(encoded)).toEqual(checked);
  try {
    violations.throwIfAny();
  } catch (error) {
    return { checked, fields: (error as { violations: { field: string }[] }).violations.map(({ field }) => field) };
  }
  return { checked, fields: [] };
}

const entries = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v'] as const));

describe('an endpoint from a client', () => {
  it('gets the defaults for what it leaves out, and no revisions of its own', () => {
    expect(check({ createRevision: 7, modRevision: 9 }).checked).toEqual(
      Endpoint.fromPartial({ ...VALID, namespace: 'default', weight: 100, health: Health.HEALTHY }),
    );
  });

  it('keeps what it says, a weight of 0 included', () => {
    const said = {
      namespace: 'team',
      id: 'a',
      weight: 0,
      health: Health.DRAINING,
      labels: { version: '1' },
      metadata: { note: 'é' },
      locality: Locality.fromPartial({ region: 'eu', zone: 'eu-1', subZone: 'rack-7' }),
    };
    expect(check(said)).toEqual({ fields: [], checked: Endpoint.fromPartial({ ...VALID, ...said }) });
  });

  it('is refused with the path of each field that is missing', () => {
    expect(check({ service: '', addresses: [] }).fields).toEqual(['endpoint.service', 'endpoint.addresses']);
  });

  it.each<[string, Parameters<typeof check>[0], string[]]>([
    ['the most addresses', { addresses: Array.from({ length: LIMITS.addressesMax }, () => VALID.addresses[0]!) }, []],
    [
      'an address too many',
      { addresses: Array.from({ length: LIMITS.addressesMax + 1 }, () => VALID.addresses[0]!) },
      ['endpoint.addresses'],
    ],
    ['the highest port', { addresses: [{ host: '::1', port: LIMITS.portMax }] }, []],
    ['a port too high', { addresses: [{ host: '::1', port: LIMITS.portMax + 1 }] }, ['endpoint.addresses[0].port']],
    ['port 0', { addresses: [VALID.addresses[0]!, { host: 'a.b', port: 0 }] }, ['endpoint.addresses[1].port']],
    ['no host', { addresses: [{ host: '', port: 80 }] }, ['endpoint.addresses[0].host']],
    ['a host in brackets', { addresses: [{ host: '[::1]', port: 80 }] }, ['endpoint.addresses[0].host']],
    ['the highest weight', { weight: LIMITS.weightMax }, []],
    ['a weight too high', { weight: LIMITS.weightMax + 1 }, ['endpoint.weight']],
    ['the most labels', { labels: entries(LIMITS.labelsMax) }, []],
    ['a label too many', { labels: entries(LIMITS.labelsMax + 1) }, ['endpoint.labels']],
    ['the longest label', { labels: { ['k'.repeat(63)]: 'v'.repeat(LIMITS.labelValueBytesMax) } }, []],
    ['a label too long', { labels: { k: 'v'.repeat(LIMITS.labelValueBytesMax + 1) } }, ['endpoint.labels["k"]']],
    ['a label too long in bytes', { labels: { k: 'é'.repeat(128) } }, ['endpoint.labels["k"]']],
    ['a label key that is none', { labels: { '': 'v' } }, ['endpoint.labels[""]']],
    ['the most metadata', { metadata: entries(LIMITS.metadataMax) }, []],
    ['metadata too many', { metadata: entries(LIMITS.metadataMax + 1) }, ['endpoint.metadata']],
    ['the longest metadata', { metadata: { k: 'v'.repeat(LIMITS.metadataValueBytesMax) } }, []],
    [
      'metadata too long',
      { metadata: { k: 'v'.repeat(LIMITS.metadataValueBytesMax + 1) } },
      ['endpoint.metadata["k"]'],
    ],
    ['a zone that is none', { locality: Locality.fromPartial({ zone: 'a b' }) }, ['endpoint.locality.zone']],
    [
      'a region and a sub-zone that are none',
      { locality: Locality.fromPartial({ region: '/', subZone: '/' }) },
      ['endpoint.locality.region', 'endpoint.locality.sub_zone'],
    ],
    ['health that only the server gives', { health: Health.SUSPECT }, ['endpoint.health']],
    ['health that is none', { health: 99 as Health }, ['endpoint.health']],
    ['an id that is none', { id: 'a/b' }, ['endpoint.id']],
    ['a namespace that is none', { namespace: 'A' }, ['endpoint.namespace']],
  ])('with %s', (_, partial, fields) => {
    expect(check(partial).fields).toEqual(fields);
  });

  it('is as large as 64 KiB, encoded and with its defaults, and no larger', () => {
    const full = 'x'.repeat(LIMITS.metadataValueBytesMax);
    const withLast = (size: number) => ({
      ...VALID,
      namespace: 'default',
      weight: 100,
      health: Health.HEALTHY,
      metadata: { a: full, b: full, c: full, d: 'x'.repeat(size) },
    });
    const encodedBytes = (size: number) => Endpoint.encode(Endpoint.fromPartial(withLast(size))).finish().length;
    const room = LIMITS.endpointBytesMax - encodedBytes(10_000) + 10_000;
    expect(encodedBytes(room)).toBe(LIMITS.endpointBytesMax);
    expect(check(withLast(room)).fields).toEqual([]);
    expect(check({ ...withLast(room), modRevision: 2 ** 53 - 1 }).fields).toEqual([]);
    expect(check(withLast(room + 1)).fields).toEqual(['endpoint']);
    expect(check({ ...withLast(room + 1), namespace: '' }).fields).toEqual(['endpoint']);
  });
});
