import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { LeaseTable, type Lease } from '../../../../src/store/embedded/lease-table.js';
import { TICK_MS } from '../../../../src/store/embedded/running-clock.js';
import type { Change, Entry } from '../../../../src/store/contract.js';

/** Counts how often anything looks at a lease's deadline. */
function countLooks(lease: Lease): () => number {
  let looks = 0;
  let deadlineMs = lease.deadlineMs;
  Object.defineProperty(lease, 'deadlineMs', {
    get: () => {
      looks++;
      return deadlineMs;
    },
    set: (value: number) => {
      deadlineMs = value;
    },
  });
  return () => looks;
}

function entry(key: string, lease: number | undefined): Entry {
  return { key, value: Buffer.alloc(0), createRevision: 1, modRevision: 1, lease };
}

const put = (key: string, to: number | undefined, from?: number): Change => ({
  key,
  entry: entry(key, to),
  prev: from === undefined ? undefined : entry(key, from),
});

describe('a table of leases', () => {
  it('finds a lease due once its deadline has passed, not before, and not more than a tick later', () => {
    const table = new LeaseTable(0);
    const lease = table.grant(1_050, 30);
    for (let nowMs = 0; nowMs < 1_080; nowMs += 10) expect(table.takeDue(nowMs)).toEqual([]);
    expect(table.takeDue(1_080 + TICK_MS)).toEqual([lease]);
    expect(table.takeDue(5_000)).toEqual([]);
  });

  it('takes exactly the leases whose deadline has passed, each once, whatever was renewed, removed and restored', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('grant' as const), ttlMs: fc.integer({ min: 1, max: 3_000 }) }),
      fc.record({ kind: fc.constantFrom('renew' as const, 'remove' as const, 'restore' as const), of: fc.nat() }),
      fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 1_500 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const table = new LeaseTable(12_345);
        let nowMs = 12_345;
        const alive: Lease[] = [];
        const gone: Lease[] = [];
        const restoredAtMs = new Map<Lease, number>();
        for (const each of steps) {
          const among = each.kind === 'restore' ? gone : alive;
          const chosen = 'of' in each ? among[each.of % among.length] : undefined;
          if (each.kind === 'grant') {
            alive.push(table.grant(each.ttlMs, nowMs));
          } else if (each.kind === 'pass') {
            nowMs += each.ms;
            const due = table.takeDue(nowMs);
            assert(due.every((lease) => lease.deadlineMs <= nowMs));
            for (const lease of due) gone.push(...alive.splice(alive.indexOf(lease), 1));
            // What stayed is not due, or came back so late that its tick is still running.
            for (const lease of alive) {
              assert(Math.max(lease.deadlineMs, restoredAtMs.get(lease) ?? 0) > nowMs - TICK_MS);
            }
            for (const lease of due) table.remove(lease);
          } else if (chosen !== undefined && each.kind === 'renew') {
            table.renew(chosen, nowMs);
            assert(chosen.deadlineMs >= nowMs + chosen.ttlMs);
          } else if (chosen !== undefined && each.kind === 'remove') {
            table.remove(chosen);
            gone.push(...alive.splice(alive.indexOf(chosen), 1));
          } else if (chosen !== undefined) {
            table.restore(chosen);
            restoredAtMs.set(chosen, nowMs);
            alive.push(...gone.splice(gone.indexOf(chosen), 1));
          }
          for (const lease of alive) expect(table.get(lease.id)).toBe(lease);
          for (const lease of gone) expect(table.get(lease.id)).toBeUndefined();
        }
        const rest = table.takeDue(nowMs + 10_000);
        expect(new Set(rest)).toEqual(new Set(alive));
        expect(rest.length).toBe(alive.length);
      }),
      { numRuns: 1_000 },
    );
  });

  it('never moves a deadline back', () => {
    const table = new LeaseTable(0);
    const lease = table.grant(1_000, 5_000);
    table.renew(lease, 4_000);
    expect(lease.deadlineMs).toBe(6_000);
  });

  it('looks at each of 100,000 leases about twice a TTL, however often they are renewed', () => {
    const ttlMs = 15_000;
    const table = new LeaseTable(0);
    const leases = Array.from({ length: 100_000 }, (_, index) => table.grant(ttlMs, index % 1_000));
    const looks = countLooks(leases[50_000]!);
    const ttls = 4;
    const renewals = ttls * 3;
    for (let count = 1; count <= renewals; count++) {
      const nowMs = (count * ttlMs) / 3;
      for (const lease of leases) table.renew(lease, nowMs);
      expect(table.takeDue(nowMs)).toEqual([]);
    }
    // Each renewal looks once, at the deadline that it moves. A bucket that falls due asks whether it is time, and
    // where the lease goes instead: twice, and at most once a TTL.
    expect(looks()).toBeLessThanOrEqual(renewals + 2 * ttls);
    expect(looks()).toBeGreaterThanOrEqual(renewals);
  });

  it('knows which lease holds a key, and takes it back', () => {
    const table = new LeaseTable(0);
    const [one, two] = [table.grant(1_000, 0), table.grant(1_000, 0)];
    const keys = () => [[...one.keys].sort(), [...two.keys].sort()];
    const first = [put('a', one.id), put('b', one.id), put('free', undefined)];
    const second = [
      put('a', two.id, one.id),
      { key: 'b', entry: undefined, prev: entry('b', one.id) },
      put('free', one.id),
    ];
    table.apply(first);
    expect(keys()).toEqual([['a', 'b'], []]);
    table.apply(second);
    expect(keys()).toEqual([['free'], ['a']]);
    table.undo(second);
    expect(keys()).toEqual([['a', 'b'], []]);
    table.undo(first);
    expect(keys()).toEqual([[], []]);
  });
});
