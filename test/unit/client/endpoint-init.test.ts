import { applyUpdate, toEndpoint } from '../../../src/client/endpoint-init.js';
import { Endpoint, Health } from '../../../src/gen/rollcall/v1/endpoint.js';

const defaults = { namespace: 'default', id: 'made' };

describe('toEndpoint', () => {
  it('fills in namespace and id, and leaves other defaults to the server', () => {
    expect(toEndpoint({ service: 'payments', addresses: ['10.0.0.7:80'] }, defaults)).toEqual({
      namespace: 'default',
      service: 'payments',
      id: 'made',
      addresses: [{ host: '10.0.0.7', port: 80 }],
      locality: undefined,
      weight: undefined,
      labels: {},
      metadata: {},
      health: Health.UNSPECIFIED,
      createRevision: 0,
      modRevision: 0,
    });
  });

  it('keeps what is given, and completes the locality', () => {
    const endpoint = toEndpoint(
      {
        service: 'payments',
        namespace: 'prod',
        id: 'mine',
        addresses: [{ host: '::1', port: 81 }, '[::2]:82'],
        locality: { zone: 'a' },
        weight: 0,
        labels: { version: 'v1' },
        health: Health.DRAINING,
      },
      defaults,
    );
    expect(endpoint).toMatchObject({
      namespace: 'prod',
      id: 'mine',
      addresses: [
        { host: '::1', port: 81 },
        { host: '::2', port: 82 },
      ],
      locality: { region: '', zone: 'a', subZone: '' },
      weight: 0,
      labels: { version: 'v1' },
      health: Health.DRAINING,
    });
  });

  it('names the address that is none', () => {
    expect(() => toEndpoint({ service: 's', addresses: ['a:1', 'b'] }, defaults)).toThrow('endpoint.addresses[1]');
  });
});

describe('applyUpdate', () => {
  const endpoint = Endpoint.fromPartial({ id: 'a', weight: 5, labels: { version: 'v1' }, metadata: { k: 'v' } });

  it('changes what is named and says so by field-mask paths', () => {
    const { endpoint: changed, paths } = applyUpdate(endpoint, { weight: 0, labels: {} });
    expect(changed).toEqual({ ...endpoint, weight: 0, labels: {} });
    expect(paths).toEqual(['weight', 'labels']);
  });

  it('changes nothing else', () => {
    expect(applyUpdate(endpoint, { weight: undefined, health: Health.DRAINING })).toEqual({
      endpoint: { ...endpoint, health: Health.DRAINING },
      paths: ['health'],
    });
  });
});
