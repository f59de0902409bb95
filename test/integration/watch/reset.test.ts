import { DiscoveryServiceService as discovery, WatchRequest } from '../../../src/gen/rollcall/v1/discovery.js';
import { startInProcess } from '../../support/in-process-server.js';
import { RawClient } from '../../support/raw-client.js';
import { callHeaders, RawConnection } from '../../support/raw-connection.js';
import {
  dataFrame,
  FLAG,
  headersFrames,
  PREFACE,
  resetFrame,
  SETTING,
  settingsFrame,
} from '../../support/raw-frames.js';
import { framed } from '../../support/raw-http2.js';
import { until } from '../../support/until.js';

const NO_ERROR = 0;
const CANCEL = 8;

const request = WatchRequest.fromPartial({ service: 'p' });
const start = (watchId: number) =>
  discovery.watchMany.requestSerialize({ command: { $case: 'start', value: { watchId, request } } });

const METHODS = {
  Watch: {
    path: discovery.watch.path,
    requests: [discovery.watch.requestSerialize(request)],
    flags: FLAG.endStream,
  },
  // With the second, the server stops to read.
  WatchMany: { path: discovery.watchMany.path, requests: [start(1), start(2)], flags: FLAG.none },
} as const;

test.each([
  ['Watch', 'CANCEL', CANCEL],
  ['Watch', 'NO_ERROR', NO_ERROR],
  ['WatchMany', 'CANCEL', CANCEL],
  ['WatchMany', 'NO_ERROR', NO_ERROR],
] as const)('a %s that is not read is forgotten when it is reset with %s', async (name, _, code) => {
  const { path, requests, flags } = METHODS[name];
  await using server = await startInProcess();
  using client = await RawClient.connect(server.address);
  const metadata = { filler: 'x'.repeat(7_000) };
  for (let index = 0; index < 12; index++) {
    const endpoint = { service: 'p', id: `e${index}`, addresses: [{ host: '10.0.0.1', port: 80 }], metadata };
    await client.register({ endpoint });
  }

  using raw = await RawConnection.open(server.address);
  raw.write(Buffer.concat([PREFACE, settingsFrame([[SETTING.initialWindowSize, 0]])]));
  raw.write(headersFrames(1, callHeaders(path)));
  for (const [index, bytes] of requests.entries()) {
    raw.write(dataFrame(1, framed(bytes), flags));
    await until('the stream is full', () => server.server.counts.stalled === index + 1);
  }
  raw.write(resetFrame(1, code));
  await until('it is forgotten', () => server.server.counts.watches === 0);
  expect(raw.isOver).toBe(false);
});
