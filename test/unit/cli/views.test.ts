import { createColors } from 'picocolors';
import { endpointObject, eventObject } from '../../../src/cli/json-objects.js';
import { endpointsTable, servicesTable } from '../../../src/cli/table.js';
import { WatchText } from '../../../src/cli/watch-text.js';
import type { WatchEvent } from '../../../src/client/index.js';
import { Endpoint, Health, Locality } from '../../../src/gen/rollcall/v1/endpoint.js';

function endpoint(id: string, more: { createRevision?: number; modRevision?: number; evil?: boolean } = {}): Endpoint {
  return Endpoint.fromPartial({
    namespace: 'default',
    service: 'payments',
    id,
    addresses: [
      { host: '10.0.0.7', port: 80 },
      { host: '::1', port: 81 },
    ],
    locality: Locality.fromPartial({ zone: 'a' }),
    weight: 100,
    labels: more.evil === true ? { version: '\u001b[2J' } : { version: 'v1', canary: '' },
    health: Health.HEALTHY,
    createRevision: more.createRevision ?? 1,
    modRevision: more.modRevision ?? 1,
  });
}

const at = new Date(2026, 0, 1, 9, 5, 7);

describe('JSON objects', () => {
  it('have the names of the protos, and enums as words', () => {
    expect(endpointObject(endpoint('e1'))).toEqual({
      namespace: 'default',
      service: 'payments',
      id: 'e1',
      addresses: [
        { host: '10.0.0.7', port: 80 },
        { host: '::1', port: 81 },
      ],
      locality: { region: '', zone: 'a', sub_zone: '' },
      weight: 100,
      labels: { version: 'v1', canary: '' },
      metadata: {},
      health: 'HEALTHY',
      create_revision: 1,
      mod_revision: 1,
    });
  });

  it('of every event tell its type and revision, and the token when there is one', () => {
    const position = { revision: 7, resumeToken: 't' };
    const events: WatchEvent[] = [
      { type: 'snapshot', reason: 'INITIAL', endpoints: [endpoint('e1')], ...position },
      { type: 'delta', upserted: [], removed: [{ endpointId: 'e1', reason: 'EXPIRED', revision: 6 }], ...position },
      { type: 'checkpoint', ...position },
      { type: 'reconnect', delayMaxMs: 500, alternates: [], revision: 0, resumeToken: '' },
    ];
    expect(events.map(eventObject)).toEqual([
      {
        type: 'snapshot',
        revision: 7,
        reason: 'INITIAL',
        endpoints: [endpointObject(endpoint('e1'))],
        resume_token: 't',
      },
      {
        type: 'delta',
        revision: 7,
        upserted: [],
        removed: [{ endpoint_id: 'e1', reason: 'EXPIRED', revision: 6 }],
        resume_token: 't',
      },
      { type: 'checkpoint', revision: 7, resume_token: 't' },
      { type: 'reconnect', revision: 0, delay_max_ms: 500, alternates: [] },
    ]);
  });
});

describe('tables', () => {
  it('list endpoints in columns', () => {
    expect(endpointsTable([endpoint('e1'), endpoint('longer-id', { evil: true })])).toBe(
      [
        'ID         ADDRESSES             HEALTH   WEIGHT  ZONE  LABELS',
        'e1         10.0.0.7:80,[::1]:81  HEALTHY  100     a     canary=,version=v1',
        'longer-id  10.0.0.7:80,[::1]:81  HEALTHY  100     a     version=\\u001b[2J',
      ].join('\n'),
    );
  });

  it('list services in columns', () => {
    const counts = { healthy: 12, unhealthy: 0, draining: 1, suspect: 0 };
    expect(servicesTable([{ namespace: 'default', service: 'payments', ...counts }])).toBe(
      ['SERVICE   HEALTHY  UNHEALTHY  DRAINING  SUSPECT', 'payments  12       0          1         0'].join('\n'),
    );
  });
});

describe('the text of a watch', () => {
  const details = '10.0.0.7:80,[::1]:81  HEALTHY  weight 100  zone a  canary=,version=v1';
  const position = { revision: 7, resumeToken: 't' };

  function textOf(coloured = false) {
    const text = new WatchText('payments', createColors(coloured));
    return (event: WatchEvent) => text.lines(event, at);
  }

  it('shows a snapshot whole, and then what came, changed and left', () => {
    const lines = textOf();
    const snapshot = { type: 'snapshot', reason: 'INITIAL', ...position } as const;
    expect(lines({ ...snapshot, endpoints: [endpoint('e1')] })).toEqual([
      '09:05:07 payments has 1 endpoint (revision 7)',
      `09:05:07   e1  ${details}`,
    ]);
    const upserted = [endpoint('e1', { modRevision: 8 }), endpoint('e2', { modRevision: 8 })];
    const removed = [{ endpointId: 'e0', reason: 'NO_LONGER_MATCHES', revision: 8 }] as const;
    expect(lines({ type: 'delta', upserted, removed, ...position })).toEqual([
      '09:05:07 - e0  no longer matches',
      `09:05:07 ~ e1  ${details}`,
      `09:05:07 + e2  ${details}`,
    ]);
  });

  it('says why there is a snapshot again', () => {
    const event = { type: 'snapshot', reason: 'EPOCH_CHANGED', endpoints: [], ...position } as const;
    expect(textOf()(event)).toEqual(['09:05:07 payments has 0 endpoints (revision 7, a new snapshot: epoch changed)']);
  });

  it('tells new from changed as far as it can after a resume', () => {
    const upserted = [endpoint('new', { createRevision: 8, modRevision: 8 }), endpoint('old', { modRevision: 8 })];
    expect(textOf()({ type: 'delta', upserted, removed: [], ...position })).toEqual([
      '09:05:07 payments goes on from where it was',
      `09:05:07 + new  ${details}`,
      `09:05:07 ~ old  ${details}`,
    ]);
  });

  it('shows no checkpoint but the first, which answers a resume', () => {
    const lines = textOf();
    expect(lines({ type: 'checkpoint', ...position })).toEqual(['09:05:07 payments goes on from where it was']);
    expect(lines({ type: 'checkpoint', ...position })).toEqual([]);
  });

  it('has colours only when told', () => {
    const removed = [{ endpointId: 'e0', reason: 'EXPIRED', revision: 8 }] as const;
    const event = { type: 'delta', upserted: [], removed, ...position } as const;
    expect(textOf(true)(event).join()).toContain('\u001b[31m- e0');
    expect(textOf(false)(event).join()).not.toContain('\u001b');
  });
});
