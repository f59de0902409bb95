/**
 * The thread that renews a client's leases while the event loop of the main
 * thread is blocked. Started by the `LeaseGuard`, which tells it of every lease.
 *
 * It looks at a counter that the main thread raises for as long as its loop
 * turns. Once that stands still, it renews by calls of its own what falls due,
 * until the counter moves again or has stood still for so long that nobody
 * should believe in the process any more. What a server answers it does not
 * judge: that a lease is lost is for the main thread to find out.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock as clock, type Timer } from '../../lib/clock.js';
import { BlockedRenewals, lookEveryMs } from './blocked-renewals.js';
import { COUNTERS, type LeaseWorkerData, type LeaseWorkerMessage } from './lease-worker-protocol.js';
import type { RenewingCalls } from './renewing-calls.js';

/** A call may take this long, or a quarter of the TTL where that is less. */
const CALL_TIMEOUT_MS = 2_000;

/** Loading what calls are made with takes a tenth of a second, on a busy machine several: too long for these TTLs. */
const LOAD_EARLY_TTL_MS = 6_000;

const { servers, credentials, loopBlockedMaxMs, counters } = workerData as LeaseWorkerData;
const renewals = new BlockedRenewals(loopBlockedMaxMs, clock.monotonicMs());
let loading: Promise<RenewingCalls> | undefined;
let calls: RenewingCalls | undefined;
let preferred: string | undefined;
let beatsSeen = 0;
let renewing = false;
let timer: Timer | undefined;
let periodMs = Infinity;

async function load(): Promise<RenewingCalls> {
  const module = await import('./renewing-calls.js');
  calls = new module.RenewingCalls({ servers, credentials, clock });
  return calls;
}

function look(): void {
  const beats = Atomics.load(counters, COUNTERS.beats);
  if (beats !== beatsSeen) {
    beatsSeen = beats;
    renewals.beat(clock.monotonicMs());
    if (!renewing) calls?.close();
    return;
  }
  if (!renewing && renewals.due(clock.monotonicMs()).length > 0) void renewWhileBlocked();
}

/** Ends when nothing is due; what failed is tried again with the next look. */
async function renewWhileBlocked(): Promise<void> {
  renewing = true;
  const asking = await (loading ??= load());
  if (preferred !== undefined) asking.prefer(preferred);
  preferred = undefined;
  for (;;) {
    const askedMs = clock.monotonicMs();
    const leaseIds = renewals.due(askedMs);
    if (leaseIds.length === 0) break;
    try {
      const results = await asking.renew(leaseIds, Math.min(CALL_TIMEOUT_MS, renewals.ttlMsMin(leaseIds) / 4));
      renewals.renewed(leaseIds, askedMs);
      Atomics.add(counters, COUNTERS.renewals, results.filter(({ found }) => found).length);
    } catch {
      // The main thread tells how many there were.
      Atomics.add(counters, COUNTERS.failures, 1);
      break;
    }
  }
  renewing = false;
}

function take(message: LeaseWorkerMessage): void {
  switch (message.type) {
    case 'server':
      preferred = message.address;
      return;
    case 'forget':
      renewals.forget(message.leaseId);
      return;
    case 'keep':
      renewals.keep(message.leaseId, message.ttlMs);
      if (message.ttlMs <= LOAD_EARLY_TTL_MS) loading ??= load();
      if (lookEveryMs(message.ttlMs) >= periodMs) return;
      periodMs = lookEveryMs(message.ttlMs);
      timer?.cancel();
      timer = clock.every(periodMs, look);
      return;
  }
}

parentPort?.on('message', take);
