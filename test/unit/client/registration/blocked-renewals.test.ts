import { BlockedRenewals, lookEveryMs } from '../../../../src/client/registration/blocked-renewals.js';

function guarding({ blockedMsMax = 60_000 } = {}) {
  const renewals = new BlockedRenewals(blockedMsMax, 0);
  renewals.keep(1n, 6_000);
  renewals.keep(2n, 12_000);
  return renewals;
}

describe('BlockedRenewals', () => {
  it('has nothing renewed while the loop beats', () => {
    const renewals = guarding();
    for (let nowMs = 0; nowMs < 100_000; nowMs += 900) {
      renewals.beat(nowMs);
      expect(renewals.due(nowMs + 899)).toEqual([]);
    }
  });

  it('has each lease renewed a sixth of its TTL after the last beat, then at each third', () => {
    const renewals = guarding();
    renewals.beat(10_000);
    expect(renewals.due(10_999)).toEqual([]);
    expect(renewals.due(11_000)).toEqual([1n]);
    renewals.renewed([1n], 11_000);
    expect(renewals.due(11_999)).toEqual([]);
    expect(renewals.due(12_000)).toEqual([2n]);
    renewals.renewed([2n], 12_000);
    expect(renewals.due(12_999)).toEqual([]);
    expect(renewals.due(13_000)).toEqual([1n]);
  });

  it('has a renewal that was not answered repeated', () => {
    const renewals = guarding();
    expect(renewals.due(1_000)).toEqual([1n]);
    expect(renewals.due(1_100)).toEqual([1n]);
  });

  it('begins anew with the next block', () => {
    const renewals = guarding();
    renewals.renewed([1n], 1_000);
    renewals.beat(1_500);
    expect(renewals.due(2_499)).toEqual([]);
    expect(renewals.due(2_500)).toEqual([1n]);
  });

  it('gives a loop up that has not beaten for too long, until it beats again', () => {
    const renewals = guarding({ blockedMsMax: 5_000 });
    expect(renewals.due(5_000)).toEqual([1n, 2n]);
    expect(renewals.due(5_001)).toEqual([]);
    renewals.beat(9_000);
    expect(renewals.due(11_000)).toEqual([1n, 2n]);
  });

  it('forgets', () => {
    const renewals = guarding();
    renewals.forget(1n);
    expect(renewals.due(30_000)).toEqual([2n]);
    expect(renewals.ttlMsMin([1n, 2n])).toBe(12_000);
  });

  it('has no more renewed at once than a message holds', () => {
    const renewals = new BlockedRenewals(60_000, 0);
    for (let leaseId = 1n; leaseId <= 1_500n; leaseId++) renewals.keep(leaseId, 1_000);
    const first = renewals.due(500);
    expect(first).toHaveLength(1_000);
    renewals.renewed(first, 500);
    expect(renewals.due(500)).toHaveLength(500);
  });
});

it('the loop is looked at often enough for the TTL, and not more than that', () => {
  expect(lookEveryMs(24_000)).toBe(1_000);
  expect(lookEveryMs(3_600_000)).toBe(1_000);
  expect(lookEveryMs(2_400)).toBe(100);
  expect(lookEveryMs(0)).toBeCloseTo(41.7, 1);
});
