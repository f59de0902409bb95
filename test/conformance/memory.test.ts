import { openMemoryStore } from '../../src/store/memory/memory-store.js';
import { FakeClock } from '../support/fake-clock.js';
import { runConformance } from '../support/run-conformance.js';

runConformance('memory', () => {
  const clock = new FakeClock();
  return {
    open: (options) => openMemoryStore({ clock, ...options }),
    advance: (ms) => clock.advance(ms),
    stall: async (ms) => clock.stall(ms),
    leaseTtlMs: 2_000,
    leaseSlackMs: 300,
    exclusions: { restart: 'it lives as long as its process' },
  };
});
