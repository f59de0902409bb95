import { RenewalSchedule } from '../../../../src/client/registration/renewal-schedule.js';

describe('RenewalSchedule', () => {
  it('has a lease renewed at a third of its TTL, or up to a fifth earlier by chance', () => {
    const schedule = new RenewalSchedule();
    schedule.renewed(1n, { ttlMs: 15_000, nowMs: 1_000, fraction: 0 });
    expect(schedule.nextDueMs).toBe(6_000);
    schedule.renewed(1n, { ttlMs: 15_000, nowMs: 1_000, fraction: 0.5 });
    expect(schedule.nextDueMs).toBe(5_500);
  });

  it('takes leases that are due soon along with one that is due', () => {
    const schedule = new RenewalSchedule();
    schedule.renewed(1n, { ttlMs: 12_000, nowMs: 0, fraction: 0 });
    schedule.renewed(2n, { ttlMs: 12_000, nowMs: 900, fraction: 0 });
    schedule.renewed(3n, { ttlMs: 12_000, nowMs: 1_100, fraction: 0 });
    expect(schedule.due(4_000)).toEqual([1n, 2n]);
  });

  it('tries a lease again when it was told to', () => {
    const schedule = new RenewalSchedule();
    schedule.renewed(1n, { ttlMs: 3_000, nowMs: 0, fraction: 0 });
    schedule.postpone(1n, 9_000);
    schedule.postpone(2n, 1);
    expect(schedule.nextDueMs).toBe(9_000);
  });

  it('does not ask twice for what is being asked for, not even in haste', () => {
    const schedule = new RenewalSchedule();
    schedule.renewed(1n, { ttlMs: 3_000, nowMs: 0, fraction: 0 });
    schedule.asked(1n);
    schedule.hasten({ nowMs: 1_000, fraction: 0 });
    expect(schedule.due(100_000)).toEqual([]);
    expect(schedule.nextDueMs).toBe(Infinity);
    schedule.postpone(1n, 2_000);
    expect(schedule.nextDueMs).toBe(2_000);
  });

  it('in haste has every lease renewed within 2 s or a third of its TTL, and none later than it was', () => {
    const schedule = new RenewalSchedule();
    schedule.renewed(1n, { ttlMs: 3_600_000, nowMs: 0, fraction: 0 });
    schedule.renewed(2n, { ttlMs: 3_000, nowMs: 10_000, fraction: 0 });
    schedule.renewed(3n, { ttlMs: 15_000, nowMs: 5_001, fraction: 0 });
    schedule.hasten({ nowMs: 10_000, fraction: 0.5 });
    expect([1n, 2n, 3n].map((leaseId) => schedule.dueMs(leaseId))).toEqual([11_000, 10_500, 10_001]);
  });

  it('is never in more of a hurry than the shortest TTL that servers grant', () => {
    const schedule = new RenewalSchedule();
    schedule.renewed(1n, { ttlMs: 0, nowMs: 0, fraction: 0 });
    expect(schedule.nextDueMs).toBeCloseTo(333.3, 0);
    expect(schedule.ttlMsMin([1n, 2n])).toBe(1_000);
  });

  it('forgets', () => {
    const schedule = new RenewalSchedule();
    schedule.renewed(1n, { ttlMs: 3_000, nowMs: 0, fraction: 0 });
    schedule.delete(1n);
    expect(schedule.nextDueMs).toBe(Infinity);
    expect(schedule.due(1_000_000)).toEqual([]);
  });
});
