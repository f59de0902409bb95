import type { Acts } from './play.js';
import type { World } from './world.js';
import { renew } from './write-commands.js';

/** How often clients renew that do; a third of the shortest TTL, or less. */
const RENEW_EVERY_MS = 300;

/** The store's clock looks at itself at least this often. */
const TICK_MS = 100;

/** What happens to the server, its disk and its clock. */
export const serverCommands: Acts<'advance' | 'lapse' | 'stall' | 'compact' | 'restart' | 'crash' | 'disk'> = {
  advance: async (world, { ms, renewing }) => {
    for (let leftMs = ms; leftMs > 0; leftMs -= RENEW_EVERY_MS) {
      if (renewing) renew(world, [...new Set(world.leases.slice(-12).map(({ leaseId }) => leaseId))]);
      await world.advance(Math.min(leftMs, RENEW_EVERY_MS));
    }
  },

  lapse: async (world) => {
    const { clock, recorder } = world;
    for (let ticks = 0; ticks < 35; ticks++) {
      const { revision } = recorder;
      clock.fireNext(clock.monotonicMs() + TICK_MS);
      for (let turns = 0; turns < 5; turns++) {
        await world.turn(1);
        if (recorder.revision > revision) return;
      }
    }
  },

  stall: (world, { ms, when }) => {
    // The next timer is due within a tick of the store's clock; what it asks for soon comes after the stall.
    if (when === 'tick') world.clock.fireNext(world.clock.monotonicMs() + TICK_MS);
    world.stall(ms);
  },

  compact: (world, { to }) => {
    const { store, recorder } = world;
    const revision = {
      newest: store.revision,
      removal: recorder.lastRemoval,
      'before-removal': recorder.lastRemoval - 1,
      old: Math.floor((store.floor + store.revision) / 2),
    }[to];
    // A full disk refuses it, as it does any write.
    store.compact(revision).catch(() => undefined);
  },

  restart: (world) => world.restart(),

  crash: (world, { held }) => world.crash(held),

  disk: (world, { is }) => {
    const acts: Record<typeof is, (on: World) => void> = {
      held: (on) => on.holdDisk(),
      full: (on) => on.fillDisk(),
      fine: (on) => on.mendDisk(),
    };
    acts[is](world);
  },
};
