import { LastKnownGood } from '../../../../src/client/view/last-known-good.js';
import type { ViewFiles } from '../../../../src/client/view/view-directory.js';
import type { ViewFile } from '../../../../src/client/view/view-file.js';
import type { WatchTarget } from '../../../../src/client/view/service-watch.js';
import type { SyncedView } from '../../../../src/client/view/view-state.js';
import type { Endpoint } from '../../../../src/gen/rollcall/v1/endpoint.js';
import { PersistentMap } from '../../../../src/lib/persistent-map.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

/** A disk that a test can stop. */
class Disk implements ViewFiles {
  readonly files = new Map<string, ViewFile>();
  /** The services whose files were written, in order. */
  readonly written: string[] = [];
  readonly asked: string[] = [];
  #stopped: Promise<void> | undefined;
  #go: () => void = () => undefined;

  stop(): void {
    this.#stopped = new Promise((resolve) => (this.#go = resolve));
  }

  go(): void {
    this.#stopped = undefined;
    this.#go();
  }

  async read({ service }: WatchTarget): Promise<ViewFile | undefined> {
    this.asked.push(service);
    await this.#stopped;
    return this.files.get(service);
  }

  async write({ service }: WatchTarget, file: ViewFile): Promise<void> {
    this.written.push(service);
    await this.#stopped;
    this.files.set(service, file);
  }
}

const clockAndDisk = (withDisk = true) => {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const disk = new Disk();
  const files = withDisk ? disk : undefined;
  return { clock, logger, disk, known: new LastKnownGood({ clock, logger, files, maxAgeMs: Infinity }) };
};

const target = (service: string): WatchTarget => ({
  namespace: 'default',
  service,
  selector: undefined,
  selectorKey: '',
});

const viewAt = (revision: number): SyncedView => ({
  kind: 'synced',
  resumeToken: `t${revision}`,
  revision,
  digest: 0n,
  endpoints: PersistentMap.empty<Endpoint>().with(new Map<string, Endpoint>()),
  assembly: undefined,
});

const { signal } = new AbortController();

describe('a disk that hangs', () => {
  it('is waited for no longer than a second, with one warning, and is read again when it has recovered', async () => {
    const { clock, logger, disk, known } = clockAndDisk();
    disk.files.set('a', { view: viewAt(5), confirmedWallMs: clock.wallMs() });
    disk.stop();
    const outcomes: unknown[] = [];
    for (const service of ['a', 'b', 'c'])
      void known.recall(target(service), signal).then((outcome) => outcomes.push(outcome));
    await clock.advance(999);
    expect(outcomes).toEqual([]);
    // No more than one of the process's few threads hangs with it.
    expect(disk.asked).toEqual(['a']);
    await clock.advance(1);
    expect(outcomes).toEqual([undefined, undefined, undefined]);
    // While it is known to hang, nobody waits for it.
    expect(await known.recall(target('d'), signal)).toBeUndefined();
    expect(logger.lines).toEqual(['warn: the last known view of a is ignored: it could not be read within 1000 ms']);
    disk.go();
    await clock.settle();
    expect(await known.recall(target('a'), signal)).toMatchObject({ view: { revision: 5 } });
  });

  it('is waited for no longer than whoever asks wants to', async () => {
    const { logger, disk, known } = clockAndDisk();
    disk.stop();
    const asking = new AbortController();
    const recalled = known.recall(target('a'), asking.signal);
    asking.abort();
    expect(await recalled).toBeUndefined();
    expect(logger.lines).toEqual([]);
  });

  it('is not taken for one when the event loop was blocked', async () => {
    const { clock, disk, known } = clockAndDisk();
    disk.files.set('a', { view: viewAt(5), confirmedWallMs: clock.wallMs() });
    disk.stop();
    const recalled = known.recall(target('a'), signal);
    clock.spend(60_000);
    await clock.advance(499);
    disk.go();
    expect(await recalled).toMatchObject({ view: { revision: 5 } });
  });

  it('is not asked to write more while it writes, and gets the newest when it has recovered', async () => {
    const { clock, disk, known } = clockAndDisk();
    known.note(target('a'), viewAt(1));
    disk.stop();
    await clock.advance(1_000);
    for (let revision = 2; revision < 10; revision++) {
      known.note(target('a'), viewAt(revision));
      await clock.advance(5_000);
    }
    expect(disk.written).toEqual(['a']);
    disk.go();
    await clock.advance(1_000);
    expect(disk.written).toEqual(['a', 'a']);
    expect(disk.files.get('a')).toMatchObject({ view: { revision: 9 } });
  });
});

describe('a file is written', () => {
  it('once a second, however often its view changes', async () => {
    const { clock, disk, known } = clockAndDisk();
    for (let ms = 0; ms < 5_000; ms += 10) {
      known.note(target('a'), viewAt(ms));
      await clock.advance(10);
    }
    expect(disk.written).toHaveLength(5);
  });

  it('once a second, also where views change while files are written', async () => {
    const { clock, disk, known } = clockAndDisk();
    let revision = 0;
    const write = disk.write.bind(disk);
    disk.write = async (of, file) => {
      await write(of, file);
      // In vain, if what is noted during a round is written in it.
      if (revision < 100) known.note(of, viewAt(++revision));
    };
    known.note(target('a'), viewAt(++revision));
    known.note(target('b'), viewAt(++revision));
    await clock.advance(1_000);
    expect(disk.written).toEqual(['a', 'b']);
    await clock.advance(1_000);
    expect(disk.written).toEqual(['a', 'b', 'a', 'b']);
  });

  it('a second after the first of the changes, and not before', async () => {
    const { clock, disk, known } = clockAndDisk();
    known.note(target('a'), viewAt(1));
    await clock.advance(999);
    expect(disk.written).toEqual([]);
    await clock.advance(1);
    expect(disk.written).toEqual(['a']);
  });

  it('once a minute while its view is confirmed and does not change', async () => {
    const { clock, disk, known } = clockAndDisk();
    const view = viewAt(1);
    const confirmFor = async (ms: number) => {
      for (let passedMs = 0; passedMs < ms; passedMs += 10_000) {
        known.note(target('a'), view);
        await clock.advance(10_000);
      }
    };
    await confirmFor(60_000);
    expect(disk.written).toHaveLength(1);
    await confirmFor(20_000);
    expect(disk.written).toHaveLength(2);
    const { confirmedWallMs } = disk.files.get('a')!;
    expect(clock.wallMs() - confirmedWallMs).toBeLessThanOrEqual(20_000);
    await confirmFor(600_000);
    // Looked at when it is confirmed, every 10 s, and written a second later.
    expect(disk.written).toHaveLength(10);
  });

  it('before its view is forgotten, where others can be', async () => {
    const { clock, disk, known } = clockAndDisk();
    const watch = (service: string) => {
      const release = known.hold(target(service));
      known.note(target(service), viewAt(1));
      return release;
    };
    const releaseWritten = watch('written');
    await clock.advance(1_000);
    watch('unwritten')();
    releaseWritten();
    for (let index = 0; index < 999; index++) watch(`s${index}`)();
    expect(await known.recall(target('unwritten'), signal)).toBeDefined();
    await clock.advance(1_000);
    expect(disk.written).toHaveLength(1_001);
  });

  it('unless there are too many at once, and its view has been forgotten', async () => {
    const { clock, disk, known } = clockAndDisk();
    for (let index = 0; index <= 1_000; index++) {
      const release = known.hold(target(`s${index}`));
      known.note(target(`s${index}`), viewAt(index));
      release();
    }
    await clock.advance(1_000);
    expect(disk.written).toHaveLength(1_000);
  });
});

describe('a view is remembered', () => {
  it('while it is watched, however many there are', async () => {
    const { clock, disk, known } = clockAndDisk();
    const views = Array.from({ length: 1_500 }, (_, index) => viewAt(index));
    for (const index of views.keys()) known.hold(target(`s${index}`));
    for (let passedMs = 0; passedMs < 50_000; passedMs += 10_000) {
      for (const [index, view] of views.entries()) known.note(target(`s${index}`), view);
      await clock.advance(10_000);
    }
    // Those that do not change are not written again for having been forgotten.
    expect(disk.written).toHaveLength(1_500);
    expect(await known.recall(target('s0'), signal)).toMatchObject({ view: { revision: 0 } });
  });

  it('after it was watched, as one of the last thousand', async () => {
    const { known } = clockAndDisk(false);
    const watch = (service: string) => {
      const release = known.hold(target(service));
      known.note(target(service), viewAt(1));
      return release;
    };
    for (let index = 0; index < 1_000; index++) watch(`s${index}`)();
    // Watched again, it is no longer the first to go.
    known.hold(target('s0'))();
    const stillWatched = watch('twice');
    watch('twice')();
    watch('last')();
    const remembered = async (service: string) => (await known.recall(target(service), signal)) !== undefined;
    expect(await remembered('s0')).toBe(true);
    expect(await remembered('s1')).toBe(false);
    expect(await remembered('s2')).toBe(true);
    expect(await remembered('last')).toBe(true);
    stillWatched();
    expect(await remembered('twice')).toBe(true);
    expect(await remembered('s2')).toBe(false);
  });
});
