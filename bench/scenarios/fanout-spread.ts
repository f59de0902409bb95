import type { Scenario } from '../side-by-side/scenario.js';
import { fanOut, fanOutRows } from './fan-out.js';

const parameters = { connections: 500, watchesAConnection: 1, changes: 500, bytes: 200 };

/** Many processes that watch one service each. */
export default {
  name: 'fanout-spread',
  parameters,
  quick: { changes: 50 },
  rows: fanOutRows(),
  measure: (run, load) => fanOut(run, load),
} satisfies Scenario<typeof parameters>;
