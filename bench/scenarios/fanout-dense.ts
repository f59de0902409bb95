import type { Scenario } from '../side-by-side/scenario.js';
import { fanOut, fanOutRows } from './fan-out.js';

const parameters = { connections: 20, watchesAConnection: 50, changes: 500, bytes: 200 };

/**
 * A few connections that carry many watches each. The watches of a connection
 * share one stream, as the clients of both have it; then the same with a stream
 * each, as other clients of their APIs do.
 */
export default {
  name: 'fanout-dense',
  parameters,
  quick: { changes: 50 },
  rows: [
    ...fanOutRows({ path: 'streamShared.', kind: ', a stream a connection' }),
    ...fanOutRows({ path: 'streamEach.', kind: ', a stream a watch' }),
  ],
  measure: async (run, load) => ({
    streamShared: await fanOut(run, load),
    streamEach: await fanOut(run, { ...load, streamEach: true }),
  }),
} satisfies Scenario<typeof parameters>;
