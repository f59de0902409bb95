import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { link, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RollcallClient } from '../../../src/client/index.js';
import { Connection } from '../../../src/client/connection/connection.js';
import { LastKnownGood } from '../../../src/client/view/last-known-good.js';
import { viewFileName } from '../../../src/client/view/view-file.js';
import { ViewFeeds } from '../../../src/client/view/view-feeds.js';
import type { WatchTarget } from '../../../src/client/view/service-watch.js';
import { systemRandom } from '../../../src/lib/random.js';
import { FakeClock } from '../../support/fake-clock.js';
import { startInProcess } from '../../support/in-process-server.js';
import { passTime } from '../../support/pass-time.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { startScripted } from '../../support/scripted-server.js';
import { scriptedWatch, snapshotMessage } from '../../support/scripted-watch.js';
import { until, within } from '../../support/until.js';

const PAYMENTS: WatchTarget = { namespace: 'default', service: 'payments', selector: undefined, selectorKey: '' };

const answering = () => scriptedWatch(async (call) => void call.write(await snapshotMessage(5, ['a'])));

describe('closing a client takes no longer than a call may', () => {
  it('also when a registration is being closed that has more time', async () => {
    const clock = new FakeClock();
    const server = await startInProcess();
    const client = new RollcallClient({
      servers: [server.address],
      callTimeoutMs: 5_000,
      clock,
      renewWhileBlocked: false,
    });
    const registration = await client.register({ service: 'payments', addresses: ['10.0.0.7:80'] });
    await server[Symbol.asyncDispose]();
    const deregistered = registration.close({ timeoutMs: 3_600_000 }).catch((error: unknown) => error);
    const startMs = clock.monotonicMs();
    let closed = false;
    void client.close().then(() => (closed = true));
    await passTime(clock, 'it is closed', () => closed);
    expect(clock.monotonicMs() - startMs).toBeLessThanOrEqual(5_200);
    expect(await deregistered).toMatchObject({ reason: 'CLIENT_CLOSED' });
  });

  it('also when a view file cannot be written, nor be given up', async () => {
    const clock = new FakeClock();
    const logger = new RecordingLogger();
    await using server = await startScripted(answering());
    const shared = { clock, logger, random: systemRandom };
    const connection = new Connection({ ...shared, servers: [server.address] });
    const files = { read: () => Promise.resolve(undefined), write: () => new Promise<void>(() => undefined) };
    const lastKnownGood = new LastKnownGood({ ...shared, files, maxAgeMs: Infinity });
    const feeds = new ViewFeeds({ ...shared, connection, lastKnownGood });
    await within('it is known', feeds.open(PAYMENTS).ready);
    connection.close();
    let closed = false;
    void feeds.close(5_000).then(() => (closed = true));
    await clock.advance(4_999);
    expect(closed).toBe(false);
    await clock.advance(1);
    expect(closed).toBe(true);
    expect(logger.lines).toEqual(['warn: the last known views could not be written before the client was closed']);
  });
});

describe('a view file that blocks whoever reads it', () => {
  let cacheDir: string;
  let pipe: string;
  beforeEach(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), 'rollcall-views-'));
    pipe = join(cacheDir, 'pipe');
    // Opening it waits until somebody opens the other end.
    execFileSync('mkfifo', [pipe]);
    // By its other name it can still be found when a view was written in its place.
    await link(pipe, join(cacheDir, viewFileName(PAYMENTS)));
  });
  afterEach(async () => {
    // Lets the thread go that waits.
    const otherEnd = await open(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    await otherEnd.close();
    await rm(cacheDir, { recursive: true, force: true });
  });

  it('keeps a watch from its server for a second, and no longer', async () => {
    const clock = new FakeClock();
    const logger = new RecordingLogger();
    const { watch, requests } = answering();
    await using server = await startScripted({ watch });
    const client = new RollcallClient({ servers: [server.address], cacheDir, clock, logger });
    const view = client.watch('payments');
    await clock.advance(999);
    expect(logger.lines).toEqual([]);
    await clock.advance(1);
    await until('it is live', () => view.current().status === 'live');
    expect(requests).toHaveLength(1);
    expect(logger.lines).toContain(
      'warn: the last known view of payments is ignored: it could not be read within 1000 ms',
    );
    await within('it is closed', client.close());
  });

  it('does not keep a client from being closed', async () => {
    const clock = new FakeClock();
    await using server = await startScripted(answering());
    const client = new RollcallClient({ servers: [server.address], cacheDir, clock });
    const view = client.watch('payments');
    let closed = false;
    void client.close().then(() => (closed = true));
    await until('it is closed', () => closed);
    await expect(view.ready).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
  });
});
