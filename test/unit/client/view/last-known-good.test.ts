import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RollcallClient, type KnownView, type ServiceView } from '../../../../src/client/index.js';
import { Snapshot_Reason, WatchResponse } from '../../../../src/gen/rollcall/v1/discovery.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { startInProcess } from '../../../support/in-process-server.js';
import { passTime } from '../../../support/pass-time.js';
import { RecordingLogger } from '../../../support/recording-logger.js';
import { failureOf, startScripted } from '../../../support/scripted-server.js';
import { deltaMessage, scriptedWatch, snapshotMessage, type WatchCall } from '../../../support/scripted-watch.js';
import { until, within } from '../../../support/until.js';
import { ViewReader } from '../../../support/view-reader.js';

/** Steps of a clock so small that the real disk is read before a second has passed on it. */
const READING_MS = 10;

/** Nobody listens there. */
const NOWHERE = '127.0.0.1:1';

let cacheDir: string;
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'rollcall-views-'));
});
afterEach(() => rm(cacheDir, { recursive: true, force: true }));

function idsOf(view: ServiceView): string[] {
  const reading = view.current();
  return reading.status === 'unknown' ? [] : reading.endpoints.map(({ id }) => id);
}

async function onlyFile(): Promise<string> {
  // Beside it there may be another that is being written.
  const names = (await readdir(cacheDir)).filter((name) => name.endsWith('.json'));
  expect(names).toHaveLength(1);
  return join(cacheDir, names[0]!);
}

const answers =
  (revision: number, ...ids: string[]) =>
  async (call: WatchCall): Promise<void> =>
    void call.write(await snapshotMessage(revision, ids));

/** A process that has watched payments at `t5`, and is over. */
async function leaveFile(...ids: string[]): Promise<string> {
  await using server = await startScripted(scriptedWatch(answers(5, ...ids)));
  await using client = new RollcallClient({ servers: [server.address], cacheDir, clock: new FakeClock() });
  await within('it is known', client.watch('payments').ready);
  await client.close();
  return await onlyFile();
}

describe('a process that starts', () => {
  it('while no server answers shows what was known, and asks for what changed since as soon as one does', async () => {
    const server = await startInProcess();
    const owner = new RollcallClient({ servers: [server.address], cacheDir });
    await owner.register({ service: 'payments', id: 'a', addresses: ['10.0.0.7:80'] });
    await within('it is known', owner.watch('payments').ready);

    const clock = new FakeClock();
    // The file's age is told by the wall clock.
    clock.wallMs = () => Date.now() + clock.monotonicMs();
    const gone = await startScripted({});
    gone.kill();
    await until('the file is there', async () => (await readdir(cacheDir)).some((name) => name.endsWith('.json')));
    await using client = new RollcallClient({ servers: [gone.address], cacheDir, clock });
    const view = client.watch('payments');
    const reader = new ViewReader(view);
    await passTime(clock, 'it is known', () => idsOf(view).length > 0, READING_MS);
    await within('it is ready', view.ready);
    expect(view.current()).toMatchObject({ status: 'last-known-good', problem: { reason: 'SERVER_UNREACHABLE' } });
    const { ageMs, resumeToken } = view.current() as KnownView;
    expect(ageMs).toBeLessThan(60_000);

    const { watch, requests } = scriptedWatch();
    await using back = await startScripted({ watch }, gone.address);
    await passTime(clock, 'it asks', () => requests.length > 0);
    expect(back.address).toBe(gone.address);
    expect(requests[0]).toMatchObject({ resumeToken });
    expect(requests[0]?.viewDigest).toBeDefined();
    expect(reader.story).toEqual(['unknown', 'LAST_KNOWN_GOOD a', 'last-known-good']);
    await owner.close();
    await server[Symbol.asyncDispose]();
  });

  it('with a server that answers is live from the file and what changed since, without a snapshot from the server', async () => {
    await leaveFile('a', 'b');
    const changed = async (call: WatchCall): Promise<void> =>
      void call.write(await deltaMessage(8, { removed: ['a'], idsAfter: ['b'] }));
    const { watch, requests } = scriptedWatch(changed);
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address], cacheDir, clock: new FakeClock() });
    const reader = new ViewReader(client.watch('payments'));
    await until('it is live', () => reader.story.at(-1) === 'live');
    expect(requests).toMatchObject([{ resumeToken: 't5' }]);
    // What was out of date by the time it could be shown never is.
    expect(reader.story).toEqual(['unknown', 'INITIAL b', 'live']);
  });

  it('shows what was known, then what changed since, and nothing older in between', async () => {
    await leaveFile('a', 'b');
    const clock = new FakeClock();
    let answer: (() => void) | undefined;
    const { watch } = scriptedWatch(
      async (call) => {
        // A server that has gone back in time.
        call.write(await snapshotMessage(3, []));
      },
      async (call) => {
        const message = await deltaMessage(8, { removed: ['a'], idsAfter: ['b'] });
        answer = () => void call.write(message);
      },
    );
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address], cacheDir, clock });
    const reader = new ViewReader(client.watch('payments'));
    const answerNow = await passTime(clock, 'it was asked again', () => answer);
    await passTime(clock, 'it shows what was known', () => reader.ids.length > 0, READING_MS);
    answerNow();
    await until('it is live', () => reader.story.at(-1) === 'live');
    expect(reader.story).toEqual(['unknown', 'LAST_KNOWN_GOOD a b', 'last-known-good', '-a', 'live']);
  });

  it('with a server that only sends it elsewhere shows what was known', async () => {
    await leaveFile('a');
    const clock = new FakeClock();
    const { watch, requests } = scriptedWatch(
      (call) => {
        const value = { delayMax: { seconds: 0n, nanos: 0 }, alternates: [] };
        call.write(WatchResponse.create({ event: { $case: 'reconnect', value } }));
      },
      () => undefined,
    );
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address], cacheDir, clock });
    const reader = new ViewReader(client.watch('payments'));
    await until('it was sent elsewhere', () => requests.length > 0);
    await passTime(clock, 'it shows what was known', () => reader.story.length > 2, READING_MS);
    expect(reader.story).toEqual(['unknown', 'LAST_KNOWN_GOOD a', 'last-known-good']);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(2_000);
  });

  it('and meets another history shows what that took away', async () => {
    await leaveFile('a');
    const replaced = async (call: WatchCall): Promise<void> =>
      void call.write(await snapshotMessage(2, [], Snapshot_Reason.EPOCH_CHANGED));
    await using server = await startScripted(scriptedWatch(replaced));
    await using client = new RollcallClient({ servers: [server.address], cacheDir, clock: new FakeClock() });
    const reader = new ViewReader(client.watch('payments'));
    await until('it is live', () => reader.story.at(-1) === 'live');
    expect(reader.story).toEqual(['unknown', 'LAST_KNOWN_GOOD a', 'EPOCH_CHANGED', 'live']);
  });

  it('keeps what was known when a server refuses, and asks again until it is answered', async () => {
    await leaveFile('a');
    const clock = new FakeClock();
    const { watch, requests } = scriptedWatch(
      (call) => void call.emit('error', failureOf('INVALID_TOKEN')),
      (call) => void call.emit('error', failureOf('INTERNAL')),
      (call) => void call.emit('error', failureOf('INTERNAL')),
      (call) => void call.emit('error', failureOf('INTERNAL')),
      answers(6, 'a', 'b'),
    );
    await using server = await startScripted({ watch });
    const random = { fraction: () => 0.99, fill: (bytes: Uint8Array) => void bytes.fill(0) };
    await using client = new RollcallClient({ servers: [server.address], cacheDir, clock, random });
    const reader = new ViewReader(client.watch('payments'));
    await passTime(clock, 'it is live', () => reader.story.at(-1) === 'live');
    expect(reader.story.filter((word, at, all) => word !== all[at - 1])).toEqual([
      'unknown',
      'LAST_KNOWN_GOOD a',
      'last-known-good',
      'INITIAL a b',
      'live',
    ]);
    expect(requests.map(({ resumeToken }) => resumeToken)).toEqual(['t5', '', '', '', '']);
  });

  it('ages what was known by the time between the processes', async () => {
    await leaveFile('a');
    const clock = new FakeClock();
    await clock.advance(3_600_000);
    await using client = new RollcallClient({ servers: [NOWHERE], cacheDir, clock });
    const view = client.watch('payments');
    await passTime(clock, 'it is known', () => idsOf(view).length > 0, READING_MS);
    const { ageMs } = view.current() as KnownView;
    expect(ageMs).toBeGreaterThanOrEqual(3_600_000);
    expect(ageMs).toBeLessThan(3_605_000);
  });

  it('does not use what is too old, and says so once', async () => {
    await leaveFile('a');
    const clock = new FakeClock();
    await clock.advance(60_001);
    const logger = new RecordingLogger();
    await using client = new RollcallClient({ servers: [NOWHERE], cacheDir, cacheMaxAgeMs: 60_000, clock, logger });
    const view = client.watch('payments');
    await passTime(clock, 'nothing is known', () => view.current().problem);
    expect(view.current().status).toBe('unknown');
    expect(logger.lines.filter((line) => line.includes('too old'))).toEqual([
      'warn: the last known view of payments is too old to be used',
    ]);
  });

  it.each([
    ['is damaged', (file: Buffer) => Buffer.from(file.toString().replace('10.0.0.7', '10.0.0.8'))],
    ['is cut short', (file: Buffer) => file.subarray(0, 100)],
    ['is empty', () => Buffer.alloc(0)],
    ['is something else', () => Buffer.from('{"endpoints":[]}\n')],
  ])('ignores a file that %s, with one warning, and writes it anew', async (_what, damage) => {
    const path = await leaveFile('a');
    const whole = await readFile(path);
    await writeFile(path, damage(whole));
    const logger = new RecordingLogger();
    const { watch, requests } = scriptedWatch(answers(5, 'a'));
    await using server = await startScripted({ watch });
    const clock = new FakeClock();
    await using client = new RollcallClient({ servers: [server.address], cacheDir, clock, logger });
    await within('it is known', client.watch('payments').ready);
    expect(requests).toMatchObject([{ resumeToken: '' }]);
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([
      'warn: the last known view of payments is ignored: its content is not what was written',
    ]);
    await client.close();
    expect((await readFile(path)).equals(whole)).toBe(true);
  });
});

describe('a view that was closed', () => {
  it('is remembered within the process, without a directory too', async () => {
    const clock = new FakeClock();
    const { watch } = scriptedWatch(answers(5, 'a'));
    const server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address], clock });
    const first = client.watch('payments');
    await within('it is known', first.ready);
    first.close();
    server.kill();
    const again = client.watch('payments');
    await passTime(clock, 'it is known', () => idsOf(again).length > 0, READING_MS);
    expect(again.current().status).toBe('last-known-good');
  });

  it('is forgotten when a thousand others have been closed since', async () => {
    const clock = new FakeClock();
    const { watch, calls } = scriptedWatch(answers(5, 'a'));
    const server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address], clock });
    const views = Array.from({ length: 1_001 }, (_, index) => client.watch(`service-${index}`));
    await within('all are known', Promise.all(views.map(({ ready }) => ready)));
    for (const view of views) view.close();
    await until('all streams have ended', () => calls.every(({ cancelled }) => cancelled));
    server.kill();
    const [first, second] = [client.watch('service-0'), client.watch('service-1')];
    await passTime(
      clock,
      'it is told',
      () => first.current().problem !== undefined && idsOf(second).length > 0,
      READING_MS,
    );
    expect(first.current().status).toBe('unknown');
    expect(second.current().status).toBe('last-known-good');
  });

  it('is forgotten when it is too old', async () => {
    const clock = new FakeClock();
    const { watch } = scriptedWatch(answers(5, 'a'));
    const server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address], clock, cacheMaxAgeMs: 5_000 });
    const first = client.watch('payments');
    await within('it is known', first.ready);
    first.close();
    server.kill();
    await clock.advance(5_001);
    const again = client.watch('payments');
    await passTime(clock, 'nothing is known', () => again.current().problem);
    expect(again.current().status).toBe('unknown');
  });
});

describe('the directory', () => {
  it('is written to a second after a change, and once a minute while there is none', async () => {
    const clock = new FakeClock();
    const { watch, calls } = scriptedWatch(answers(5, 'a'));
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address], cacheDir, clock });
    const view = client.watch('payments');
    await within('it is known', view.ready);
    await clock.advance(999);
    expect(await readdir(cacheDir)).toEqual([]);
    await clock.advance(1);
    await until('there is a file', async () => (await readdir(cacheDir)).some((name) => name.endsWith('.json')));
    const first = await readFile(await onlyFile(), 'utf8');
    expect(first).toContain('"revision": 5');

    calls[0]?.write(await deltaMessage(7, { upserted: ['b'], idsAfter: ['a', 'b'] }));
    await until('b is seen', () => idsOf(view).length === 2);
    await clock.advance(1_000);
    await until('the file is new', async () => (await readFile(await onlyFile(), 'utf8')).includes('"revision": 7'));
    await until('nothing else is there', async () => (await readdir(cacheDir)).length === 1);
  });

  it('that cannot be written to is warned of once, and the view goes on', async () => {
    const inTheWay = join(cacheDir, 'file');
    await writeFile(inTheWay, '');
    const clock = new FakeClock();
    const logger = new RecordingLogger();
    const { watch, calls } = scriptedWatch(answers(5, 'a'));
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address], cacheDir: inTheWay, clock, logger });
    const view = client.watch('payments');
    await within('it is known', view.ready);
    const warnings = (): string[] => logger.lines.filter((line) => line.includes('cannot keep'));
    await clock.advance(1_000);
    await until('it is warned of', () => warnings().length === 1);
    calls[0]?.write(await deltaMessage(7, { upserted: ['b'], idsAfter: ['a', 'b'] }));
    await until('b is seen', () => idsOf(view).length === 2);
    await clock.advance(1_000);
    await client.close();
    expect(warnings()).toEqual([expect.stringMatching(/^warn: cannot keep the view of payments: .*EEXIST/)]);
  });

  it('is shared by many clients, and each file in it is whole', async () => {
    await using server = await startInProcess();
    await using owner = new RollcallClient({ servers: [server.address] });
    const clients = Array.from({ length: 10 }, () => new RollcallClient({ servers: [server.address], cacheDir }));
    const services = ['a', 'b', 'c', 'd', 'e'];
    for (const service of services) await owner.register({ service, id: 'x', addresses: ['10.0.0.7:80'] });
    await Promise.all(clients.flatMap((client) => services.map((service) => client.watch(service).ready)));
    await Promise.all(clients.map((client) => client.close()));
    expect(await readdir(cacheDir)).toHaveLength(services.length);

    // On the machine's clock: a fake one would not wait for the disk.
    await using client = new RollcallClient({ servers: [NOWHERE], cacheDir });
    const views = services.map((service) => client.watch(service));
    await within('all are known', Promise.all(views.map(({ ready }) => ready)));
    expect(views.map((view) => idsOf(view))).toEqual(services.map(() => ['x']));
  });

  it('is rid of what processes that were killed left behind', async () => {
    const abandoned = join(cacheDir, 'default.payments.0.json.1.tmp');
    const underWay = join(cacheDir, 'default.payments.0.json.2.tmp');
    const clock = new FakeClock();
    for (const [path, ageMs] of [
      [abandoned, 3_601_000],
      [underWay, 3_599_000],
    ] as const) {
      await writeFile(path, 'half');
      await utimes(path, new Date(clock.wallMs() - ageMs), new Date(clock.wallMs() - ageMs));
    }
    await using server = await startScripted(scriptedWatch(answers(5, 'a')));
    await using client = new RollcallClient({ servers: [server.address], cacheDir, clock });
    await within('it is known', client.watch('payments').ready);
    await client.close();
    const names = await readdir(cacheDir);
    expect(names).toHaveLength(2);
    expect(names.map((name) => join(cacheDir, name))).toContain(underWay);
  });
});
