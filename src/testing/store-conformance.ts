import { closingCases } from './cases/closing.js';
import { concurrencyCases } from './cases/concurrency.js';
import { followingCases } from './cases/following.js';
import { historyCases } from './cases/history.js';
import { leaseEndCases } from './cases/lease-ends.js';
import { leaseCases } from './cases/leases.js';
import { rangeCases } from './cases/ranges.js';
import { restartCases } from './cases/restart.js';
import { transactionCases } from './cases/transactions.js';
import type { ConformanceCase } from './conformance-case.js';
import type { StoreHarness } from './store-harness.js';

/**
 * Every promise of the store contract, as cases that any test runner can run on
 * any engine. With Jest:
 *
 * ```ts
 * import { skipReason, storeConformance } from 'rollcall/testing';
 *
 * const harness: StoreHarness = {
 *   open: () => openMyStore(),
 *   advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
 *   leaseTtlMs: 3_000,
 *   leaseSlackMs: 1_500,
 *   exclusions: { restart: 'the cluster outlives every client', stall: 'its clock is not ours to stop' },
 * };
 *
 * describe('my store', () => {
 *   for (const each of storeConformance) {
 *     const reason = skipReason(each, harness);
 *     if (reason === undefined) test(each.name, () => each.run(harness));
 *     else test.skip(`${each.name} (${reason})`, () => undefined);
 *   }
 * });
 * ```
 *
 * Cases are independent of each other and open their own stores. Each takes a
 * few milliseconds where time can be advanced, and a few TTLs where it has to
 * be waited for. An engine conforms if all run, or are skipped for a reason
 * that its documentation repeats.
 */
export const storeConformance: readonly ConformanceCase[] = [
  ...transactionCases,
  ...rangeCases,
  ...followingCases,
  ...leaseCases,
  ...leaseEndCases,
  ...historyCases,
  ...concurrencyCases,
  ...closingCases,
  ...restartCases,
];

/** Why the harness excludes a case, or undefined if the case is to be run. */
export function skipReason({ needs }: ConformanceCase, { exclusions }: StoreHarness): string | undefined {
  return needs.map((feature) => exclusions[feature]).find((reason) => reason !== undefined);
}
