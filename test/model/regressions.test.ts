import { loadXxh64 } from '../../src/core/hash.js';
import { lmdbEngine, ramEngine } from './engines.js';
import { play, type Run } from './play.js';

const WIDE = { changesBytesMax: 64 * 1024 * 1024, countMax: 100_000, ageMsMax: 3_600_000 };

/** Runs that once broke a guarantee, as small as they got. */
const REGRESSIONS: readonly { readonly what: string; readonly run: Run }[] = [
  {
    what: 'L2: a registration that was handled after a stop, and before the tick that noticed it, outlived its TTL by as long',
    run: {
      bounds: WIDE,
      steps: [
        { command: { do: 'stall', ms: 9_000, when: 'idle' }, turns: 'all' },
        { command: { do: 'register', service: 0, id: 0, ttl: 0, shape: 0, request: 0 }, turns: 'all' },
      ],
    },
  },
  {
    what: 'L1: a lease lapsed at the very moment at which a slow disk had written its registration',
    run: {
      bounds: WIDE,
      steps: [
        { command: { do: 'disk', is: 'held' }, turns: 'all' },
        { command: { do: 'register', service: 0, id: 0, ttl: 0, shape: 0, request: 0 }, turns: 'all' },
        { command: { do: 'advance', ms: 2_500, renewing: false }, turns: 0 },
      ],
    },
  },
  {
    what: 'answers: a registration was refused with LEASE_NOT_FOUND when another one had been first, on a slow disk',
    run: {
      bounds: WIDE,
      steps: [
        { command: { do: 'register', service: 0, id: 3, ttl: 0, shape: 0, request: 0 }, turns: 0 },
        { command: { do: 'disk', is: 'held' }, turns: 0 },
        { command: { do: 'register', service: 0, id: 3, ttl: 0, shape: 0, request: 0 }, turns: 0 },
        { command: { do: 'advance', ms: 1_000, renewing: false }, turns: 1 },
      ],
    },
  },
  {
    what: 'W2: a checkpoint of a flush in slices passed over a change that came between two of them',
    run: {
      bounds: { changesBytesMax: 1_500, countMax: 3, ageMsMax: 5_000 },
      steps: [
        { command: { do: 'watch', watcher: 0, service: 0, selector: 0 }, turns: 1 },
        { command: { do: 'stall', ms: 900, when: 'idle' }, turns: 'all' },
        { command: { do: 'crowd', service: 1, selector: 0 }, turns: 'all' },
        { command: { do: 'register', service: 0, id: 1, ttl: 0, shape: 0, request: 2 }, turns: 'all' },
        { command: { do: 'advance', ms: 1_000, renewing: true }, turns: 1 },
        { command: { do: 'register', service: 0, id: 1, ttl: 0, shape: 0, request: 2 }, turns: 1 },
        { command: { do: 'resume', watcher: 0, with: 'other-watcher', pick: 0 }, turns: 'all' },
        { command: { do: 'deregister', service: 0, id: 1, lease: 'old' }, turns: 0 },
        { command: { do: 'stall', ms: 60, when: 'tick' }, turns: 'all' },
        { command: { do: 'read-some', watcher: 0, count: 1 }, turns: 0 },
      ],
    },
  },
  {
    what: 'L2: while a crowd was written to in slices, no tick came between them, and leases were credited all that time',
    run: {
      bounds: { changesBytesMax: 8_000, countMax: 100_000, ageMsMax: 3_600_000 },
      steps: [
        { command: { do: 'crowd', service: 0, selector: 0 }, turns: 0 },
        { command: { do: 'flood', service: 0 }, turns: 'all' },
        { command: { do: 'churn', service: 0, id: 0, count: 2, watching: false, large: true }, turns: 'all' },
        { command: { do: 'churn', service: 0, id: 0, count: 10, watching: false, large: false }, turns: 1 },
        { command: { do: 'register', service: 0, id: 0, ttl: 0, shape: 0, request: 0 }, turns: 'all' },
      ],
    },
  },
];

test.each(REGRESSIONS)('no longer: $what', async ({ run }) => {
  const xxh64 = await loadXxh64();
  for (const open of [ramEngine, lmdbEngine]) {
    await expect(play(open(), run, { xxh64, validateEachStep: true })).resolves.toBeDefined();
  }
});
