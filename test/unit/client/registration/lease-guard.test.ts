import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { credentials as grpcCredentials } from '@grpc/grpc-js';
import { LeaseGuard, type LeaseGuardOptions } from '../../../../src/client/registration/lease-guard.js';
import { systemClock } from '../../../../src/lib/clock.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';
import { until } from '../../../support/until.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rollcall-test-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** A file for a thread to run, instead of the real one: that is only there once built, and tested end to end. */
async function fileOf(name: string, source: string): Promise<URL> {
  const file = join(directory, `${name}.mjs`);
  await writeFile(file, source);
  return pathToFileURL(file);
}

function guardWith(options: Partial<LeaseGuardOptions>) {
  const logger = new RecordingLogger();
  const guard = new LeaseGuard({
    servers: ['127.0.0.1:1'],
    credentials: undefined,
    loopBlockedMaxMs: 60_000,
    clock: systemClock,
    logger,
    ...options,
  });
  return { guard, logger };
}

/** Counts three renewals and a failure once it was told of a lease, and beats seen as such. */
const COUNTING = `
  import { parentPort, workerData } from 'node:worker_threads';
  parentPort.on('message', ({ type }) => {
    if (type !== 'keep') return;
    Atomics.store(workerData.counters, 1, 3);
    Atomics.store(workerData.counters, 2, 1);
    parentPort.close();
    setInterval(() => {}, 1000);
  });
`;

describe('LeaseGuard', () => {
  it('does without a thread, in silence, where there is no file that it could run', () => {
    const { guard, logger } = guardWith({});
    guard.keep(1n, 15_000);
    guard.forget(1n);
    guard.close();
    expect(logger.lines).toEqual([]);
  });

  it('does without a thread where credentials cannot be passed to it, and says so once', () => {
    const workerFile = new URL(import.meta.url);
    const { guard, logger } = guardWith({ workerFile, credentials: grpcCredentials.createSsl() });
    guard.keep(1n, 15_000);
    guard.keep(2n, 15_000);
    expect(logger.lines).toEqual([
      'info: leases are not renewed while the event loop is blocked: give `credentials` as PEMs for that',
    ]);
  });

  it('goes on without a thread that dies, and says so once', async () => {
    const workerFile = await fileOf('dying', `throw new Error('as the test says');`);
    const { guard, logger } = guardWith({ workerFile });
    guard.keep(1n, 15_000);
    await until('it is said', () => logger.lines.length > 0);
    guard.keep(2n, 15_000);
    guard.forget(1n);
    guard.close();
    expect(logger.lines).toEqual([
      expect.stringMatching(/^warn: the thread that renews .* not run: .*as the test says$/),
    ]);
  });

  it('says once how long the loop was blocked, and what the thread did meanwhile', async () => {
    const workerFile = await fileOf('counting', COUNTING);
    const clock = new FakeClock();
    const { guard, logger } = guardWith({ workerFile, clock });
    guard.keep(1n, 12_000);
    const blocked = async () => {
      clock.spend(2_500);
      await clock.advance(0);
      return logger.lines.some((line) => line.includes('renewed 3 times'));
    };
    await until('the thread has counted', blocked);
    expect(logger.lines.at(-1)).toBe(
      'warn: the event loop was blocked for 2000 ms; leases were renewed 3 times meanwhile',
    );
    const lines = logger.lines.length;
    await clock.advance(10_000);
    expect(logger.lines).toHaveLength(lines);
    guard.close();
    guard.close();
  });
});
