import type { experimental } from '@grpc/grpc-js';
import * as fc from 'fast-check';
import { attributesOf } from '../../../src/balancer/index.js';
import { Health, type Endpoint, type SnapshotReason, type ViewEvent } from '../../../src/client/index.js';
import { Endpoint as EndpointMessage, Locality } from '../../../src/gen/rollcall/v1/endpoint.js';
import { ServiceEndpoints } from '../../../src/resolver/service-endpoints.js';

const GRACE_MS = 60_000;

type Change = Exclude<ViewEvent, { type: 'status' }>;

function endpoint(id: string, more: Partial<Endpoint> = {}): Endpoint {
  return EndpointMessage.fromPartial({
    service: 'greeter',
    id,
    addresses: [{ host: `10.0.0.${id}`, port: 80 }],
    weight: 100,
    health: Health.HEALTHY,
    ...more,
  });
}

const position = { revision: 1, resumeToken: 't' };

function snapshot(endpoints: readonly Endpoint[], reason: SnapshotReason = 'INITIAL'): Change {
  return { type: 'snapshot', reason, endpoints, ...position };
}

function delta(upserted: readonly Endpoint[], removedIds: readonly string[] = []): Change {
  const removed = removedIds.map((endpointId) => ({ endpointId, reason: 'DEREGISTERED' as const, revision: 1 }));
  return { type: 'delta', upserted, removed, ...position };
}

function expiry(...ids: string[]): Change {
  const removed = ids.map((endpointId) => ({ endpointId, reason: 'EXPIRED' as const, revision: 1 }));
  return { type: 'delta', upserted: [], removed, ...position };
}

function told(...changes: Change[]): ServiceEndpoints {
  const endpoints = new ServiceEndpoints('greeter', { where: 'in namespace shop', graceMs: GRACE_MS });
  for (const change of changes) endpoints.apply(change, 0);
  return endpoints;
}

const idsOf = (endpoints: ServiceEndpoints, nowMs = 0) =>
  endpoints.listing(nowMs).targets.map((target) => attributesOf(target)?.id);

const meaningOf = (target: experimental.Endpoint) => JSON.stringify([target.addresses, attributesOf(target)]);

const targetOf = (endpoints: ServiceEndpoints, id: string, nowMs = 0) =>
  endpoints.listing(nowMs).targets.find((target) => attributesOf(target)?.id === id);

describe('the endpoints that calls may go to', () => {
  it('are those that are healthy, or whose lease has lapsed but is held', () => {
    const all = [Health.HEALTHY, Health.UNHEALTHY, Health.DRAINING, Health.SUSPECT, Health.UNSPECIFIED];
    const endpoints = told(snapshot(all.map((health, index) => endpoint(String(index), { health }))));
    expect(idsOf(endpoints)).toEqual(['0', '3', '4']);
  });

  it('have their addresses, and what the policy has to know', () => {
    const addresses = [
      { host: '10.0.0.1', port: 80 },
      { host: '::1', port: 81 },
    ];
    const one = endpoint('1', { addresses, weight: 7, locality: Locality.fromPartial({ zone: 'a' }) });
    const [target] = told(snapshot([one])).listing(0).targets;
    expect(target?.addresses).toEqual(addresses);
    expect(attributesOf(target!)).toEqual({ id: '1', weight: 7, zone: 'a' });
  });

  it('come and go with deltas, and are replaced by snapshots', () => {
    const endpoints = told(snapshot([endpoint('1'), endpoint('2')]), delta([endpoint('3')], ['1']));
    expect(idsOf(endpoints)).toEqual(['2', '3']);
    endpoints.apply(snapshot([endpoint('4')], 'COMPACTED'), 0);
    expect(idsOf(endpoints)).toEqual(['4']);
  });

  it('leave when they drain, and return as the same object', () => {
    const endpoints = told(snapshot([endpoint('1'), endpoint('2')]));
    const before = targetOf(endpoints, '1');
    endpoints.apply(delta([endpoint('1', { health: Health.DRAINING })]), 0);
    expect(idsOf(endpoints)).toEqual(['2']);
    endpoints.apply(delta([endpoint('1')]), 0);
    expect(targetOf(endpoints, '1')).toBe(before);
  });

  it.each<[string, Partial<Endpoint>]>([
    ['metadata', { metadata: { build: '7' } }],
    ['labels', { labels: { version: 'v2' } }],
    ['a revision', { modRevision: 9 }],
    ['health that keeps them in', { health: Health.SUSPECT }],
    ['a region', { locality: Locality.fromPartial({ region: 'eu' }) }],
  ])('stay the same object when nothing changes for calls: %s', (_, change) => {
    const endpoints = told(snapshot([endpoint('1'), endpoint('2')]));
    const before = endpoints.listing(0).targets;
    endpoints.apply(delta([endpoint('1', change)]), 0);
    for (const [index, target] of endpoints.listing(0).targets.entries()) expect(target).toBe(before[index]);
    endpoints.apply(snapshot([endpoint('1', change), endpoint('2')], 'DRIFT'), 0);
    for (const [index, target] of endpoints.listing(0).targets.entries()) expect(target).toBe(before[index]);
  });

  it.each<[string, Partial<Endpoint>]>([
    ['weight', { weight: 50 }],
    ['zone', { locality: Locality.fromPartial({ zone: 'b' }) }],
    ['addresses', { addresses: [{ host: '10.0.0.1', port: 81 }] }],
  ])('are another object when their %s changes, and the others are not', (_, change) => {
    const endpoints = told(snapshot([endpoint('1'), endpoint('2')]));
    const [one, two] = [targetOf(endpoints, '1'), targetOf(endpoints, '2')];
    endpoints.apply(delta([endpoint('1', change)]), 0);
    expect(targetOf(endpoints, '1')).not.toBe(one);
    expect(targetOf(endpoints, '2')).toBe(two);
  });

  it('say why there are none', () => {
    expect(told(snapshot([endpoint('1')])).listing(0).note).toBe('');
    expect(told(snapshot([])).listing(0).note).toBe('rollcall: greeter has no endpoints in namespace shop');
    const draining = ['1', '2'].map((id) => endpoint(id, { health: Health.DRAINING }));
    const { note } = told(snapshot([...draining, endpoint('3', { health: Health.UNHEALTHY })])).listing(0);
    expect(note).toBe('rollcall: greeter has no endpoint that may serve in namespace shop: 2 DRAINING, 1 UNHEALTHY');
  });
});

describe('when the catalog was replaced by another', () => {
  const replaced = (...endpoints: Endpoint[]) =>
    told(
      snapshot([endpoint('1'), endpoint('2'), endpoint('3', { health: Health.DRAINING })]),
      snapshot(endpoints, 'EPOCH_CHANGED'),
    );

  it('those that it does not list stay for a grace, save those that were to leave', () => {
    const endpoints = replaced();
    expect(idsOf(endpoints)).toEqual(['1', '2']);
    expect(endpoints.heldForMs(10_000)).toBe(50_000);
    expect(idsOf(endpoints, GRACE_MS - 1)).toEqual(['1', '2']);
    expect(idsOf(endpoints, GRACE_MS)).toEqual([]);
    expect(endpoints.heldForMs(GRACE_MS)).toBeUndefined();
    expect(endpoints.listing(GRACE_MS).note).toBe('rollcall: greeter has no endpoints in namespace shop');
  });

  it('they are the same objects as before, also once they have returned', () => {
    const endpoints = told(snapshot([endpoint('1')]));
    const before = targetOf(endpoints, '1');
    endpoints.apply(snapshot([], 'EPOCH_CHANGED'), 0);
    expect(targetOf(endpoints, '1')).toBe(before);
    endpoints.apply(delta([endpoint('1', { modRevision: 1 })]), 0);
    expect(targetOf(endpoints, '1')).toBe(before);
    expect(idsOf(endpoints)).toEqual(['1']);
  });

  it('one that returns is held no more, under its own id or another at the same address', () => {
    const endpoints = replaced(endpoint('1'));
    expect(idsOf(endpoints)).toEqual(['1', '2']);
    endpoints.apply(delta([endpoint('9', { addresses: endpoint('2').addresses })]), 0);
    expect(idsOf(endpoints)).toEqual(['1', '9']);
    expect(endpoints.heldForMs(0)).toBeUndefined();
    endpoints.apply(delta([], ['1', '9']), 0);
    expect(idsOf(endpoints)).toEqual([]);
  });

  it('one that returns only to drain is held no more', () => {
    const endpoints = replaced();
    endpoints.apply(delta([endpoint('1', { health: Health.DRAINING })]), 0);
    expect(idsOf(endpoints)).toEqual(['2']);
  });

  it('each has a grace of its own, however often that happens', () => {
    const endpoints = told(snapshot([endpoint('1')]));
    endpoints.apply(snapshot([endpoint('2')], 'EPOCH_CHANGED'), 0);
    endpoints.apply(snapshot([], 'EPOCH_CHANGED'), 30_000);
    expect(idsOf(endpoints, GRACE_MS - 1)).toEqual(['1', '2']);
    expect(idsOf(endpoints, GRACE_MS)).toEqual(['2']);
    expect(idsOf(endpoints, GRACE_MS + 30_000)).toEqual([]);
  });
});

describe('when leases lapse', () => {
  it('the endpoints leave, as long as others are left', () => {
    expect(idsOf(told(snapshot([endpoint('1'), endpoint('2'), endpoint('3')]), expiry('1', '3')))).toEqual(['2']);
  });

  it('the last ones stay for a grace, since it is rather the network that has failed', () => {
    const endpoints = told(snapshot([endpoint('1'), endpoint('2'), endpoint('3')]), expiry('1'), expiry('2', '3'));
    // All that have lapsed of late: one alone would have to bear the calls of all.
    expect(idsOf(endpoints)).toEqual(['1', '2', '3']);
    expect(endpoints.heldForMs(0)).toBe(GRACE_MS);
    expect(idsOf(endpoints, GRACE_MS)).toEqual([]);
    expect(endpoints.listing(GRACE_MS).note).toBe('rollcall: greeter has no endpoints in namespace shop');
  });

  it('nobody is called who lapsed once one is there that did not', () => {
    const endpoints = told(snapshot([endpoint('1'), endpoint('2')]), expiry('1', '2'));
    endpoints.apply(delta([endpoint('3')]), 0);
    expect(idsOf(endpoints)).toEqual(['3']);
  });

  it('one after the other for ever, those that did long ago are forgotten', () => {
    const endpoints = told(snapshot([]));
    for (let death = 0; death < 200; death++) {
      endpoints.apply(delta([endpoint(String(death))]), death * 45_000);
      endpoints.apply(expiry(String(death)), death * 45_000);
    }
    expect(idsOf(endpoints, 199 * 45_000)).toEqual(['198', '199']);
  });

  it('an endpoint that deregisters is not called, though others lapsed', () => {
    const endpoints = told(snapshot([endpoint('1'), endpoint('2')]), expiry('1'), delta([], ['2']));
    expect(idsOf(endpoints)).toEqual(['1']);
  });

  it('the last ones stay also where others drain, and until they have returned', () => {
    const endpoints = told(snapshot([endpoint('1'), endpoint('2', { health: Health.DRAINING })]), expiry('1'));
    expect(idsOf(endpoints)).toEqual(['1']);
    endpoints.apply(delta([endpoint('1')]), 0);
    expect(endpoints.heldForMs(0)).toBeUndefined();
    endpoints.apply(delta([], ['1']), 0);
    expect(idsOf(endpoints)).toEqual([]);
  });

  it('one that was leaving does not stay', () => {
    expect(idsOf(told(snapshot([endpoint('1', { health: Health.DRAINING })]), expiry('1')))).toEqual([]);
  });
});

describe('whatever happens', () => {
  const ids = ['1', '2', '3', '4'];
  const change = fc.record({
    kind: fc.constantFrom('delta' as const, 'INITIAL' as const, 'COMPACTED' as const, 'EPOCH_CHANGED' as const),
    upserted: fc.uniqueArray(
      fc.record({
        id: fc.constantFrom(...ids),
        weight: fc.constantFrom(50, 100),
        // The fourth may take the address of the first.
        at: fc.constantFrom('', '1'),
        health: fc.constantFrom(Health.HEALTHY, Health.DRAINING, Health.SUSPECT),
      }),
      { selector: ({ id }) => id, maxLength: 4 },
    ),
    removed: fc.subarray(ids),
    afterMs: fc.constantFrom(0, 1_000, GRACE_MS / 2, GRACE_MS),
  });

  it('every endpoint that may serve is listed once, nothing else but for its grace, and what stays equal stays the same', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const endpoints = new ServiceEndpoints('greeter', { where: 'in namespace shop', graceMs: GRACE_MS });
        const view = new Map<string, Endpoint>();
        const left = new Map<string, { readonly atMs: number; readonly replaced: boolean }>();
        let nowMs = 0;
        let before = endpoints.listing(nowMs).targets;
        for (const { kind, upserted, removed, afterMs } of changes) {
          nowMs += afterMs;
          const messages = upserted.map(({ id, weight, at, health }) =>
            endpoint(id, {
              weight,
              health,
              addresses: [{ host: `10.0.0.${id === '4' && at !== '' ? at : id}`, port: 80 }],
            }),
          );
          for (const id of kind === 'delta' ? [] : view.keys())
            left.set(id, { atMs: nowMs, replaced: kind === 'EPOCH_CHANGED' });
          if (kind === 'delta') for (const id of removed) view.delete(id);
          else view.clear();
          for (const message of messages) view.set(message.id, message);
          endpoints.apply(kind === 'delta' ? delta(messages, removed) : snapshot(messages, kind), nowMs);

          const { targets } = endpoints.listing(nowMs);
          const listed = targets.map((target) => attributesOf(target)!.id);
          expect(new Set(listed).size).toBe(listed.length);
          const due = [...view.values()].filter(({ health }) => health !== Health.DRAINING).map(({ id }) => id);
          expect(listed).toEqual(expect.arrayContaining(due));
          for (const id of listed.filter((other) => !due.includes(other))) {
            // Held: not in the view at all, and for its grace; nobody else is there unless it is of another catalog.
            expect(view.has(id)).toBe(false);
            const { atMs = -Infinity, replaced = false } = left.get(id) ?? {};
            expect(nowMs).toBeLessThan(atMs + GRACE_MS);
            expect(replaced || due.length === 0).toBe(true);
          }
          // Those that mean the same as one before are that one.
          const byMeaning = new Map(before.map((target) => [meaningOf(target), target]));
          for (const target of targets) expect(byMeaning.get(meaningOf(target)) ?? target).toBe(target);
          before = targets;
        }
      }),
      { numRuns: 500 },
    );
  });
});
