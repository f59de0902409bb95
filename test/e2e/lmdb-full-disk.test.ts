import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Persistence } from '../../src/store/embedded/persistence.js';
import { openLmdbPersistence } from '../../src/store/lmdb/index.js';
import { StateModel } from '../unit/store/lmdb/state-model.js';

const DISK_BYTES = 32 * 1024 * 1024;
const SPARE_BYTES = 8 * 1024 * 1024;

/** A file system of its own, small, in memory; undefined where this user may not mount one. */
const disk = mountDisk();
if (disk === undefined) {
  process.stderr.write(
    '\n*** SKIPPED: the tests of a full disk and of one that is read-only. Only root may mount. ***\n\n',
  );
}

function mountDisk(): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'rollcall-disk-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'rollcall-test', path]);
  if (status === 0) return path;
  rmSync(path, { recursive: true });
  return undefined;
}

(disk === undefined ? describe.skip : describe)('a disk', () => {
  const path = disk ?? '';
  const dataDir = join(path, 'data');
  const ballast = join(path, 'ballast');
  let unhandled: unknown[];
  const noteUnhandled = (reason: unknown): void => void unhandled.push(reason);

  beforeEach(() => {
    unhandled = [];
    process.on('unhandledRejection', noteUnhandled);
  });

  afterEach(() => {
    process.off('unhandledRejection', noteUnhandled);
    expect(unhandled).toEqual([]);
    spawnSync('mount', ['-o', 'remount,rw', path]);
    for (const file of [dataDir, ballast]) rmSync(file, { recursive: true, force: true });
  });

  afterAll(() => {
    spawnSync('umount', [path]);
    rmSync(path, { recursive: true, force: true });
  });

  function freeBytes(): number {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  }

  async function reopened(persistence: Persistence): Promise<Persistence> {
    await persistence.close();
    return openLmdbPersistence({ dataDir });
  }

  /** Leaves so much room, for others fill disks too. */
  function leave(sizeBytes: number): void {
    rmSync(ballast, { force: true });
    writeFileSync(ballast, Buffer.alloc(Math.max(0, freeBytes() - sizeBytes)));
  }

  test.each([0, 100_000, SPARE_BYTES - 1])(
    'with %d bytes left refuses groups with STORE_FULL, and takes them once there is room',
    async (leftBytes) => {
      let persistence = await openLmdbPersistence({ dataDir });
      await persistence.load();
      const model = new StateModel();
      await persistence.write(model.put('a', '1'));

      leave(leftBytes);
      for (let i = 0; i < 3; i++) {
        const refused = new StateModel();
        refused.put('a', '1');
        await expect(persistence.write(refused.put('b', 'x'.repeat(1_000)))).rejects.toMatchObject({
          reason: 'STORE_FULL',
          message: `the disk under ${dataDir} is full`,
        });
      }

      leave(2 * SPARE_BYTES);
      await persistence.write(model.put('b', '2'));
      await persistence.close();
      persistence = await openLmdbPersistence({ dataDir });
      model.expectIs(await persistence.load());
      await persistence.close();
    },
  );

  test('that fills up under writes loses nothing that was durable, and is never filled to the last byte', async () => {
    let persistence = await openLmdbPersistence({ dataDir });
    await persistence.load();
    const model = new StateModel();
    const write = (): Promise<void> => persistence.write(model.put(`k/${model.revision}`, 'x'.repeat(20_000)));
    await expect(
      (async () => {
        for (;;) await write();
      })(),
    ).rejects.toMatchObject({ reason: 'STORE_FULL' });
    expect(freeBytes()).toBeGreaterThan(SPARE_BYTES / 2);
    // The last group was refused.
    const durable = model.revision - 1;
    expect(durable).toBeGreaterThan(100);
    await persistence.close();
    persistence = await openLmdbPersistence({ dataDir });
    const state = await persistence.load();
    expect({ revision: state.revision, entries: state.entries.length, history: state.history.length }).toEqual({
      revision: durable,
      entries: durable,
      history: durable,
    });
    await persistence.close();
  });

  test('that has room for a group and not for the tables that wait takes the group, and loses nothing of either', async () => {
    let persistence = await openLmdbPersistence({ dataDir, backlogRows: 100 });
    await persistence.load();
    const model = new StateModel();
    const write = (): Promise<void> => persistence.write(model.put(`k/${model.revision}`, 'x'.repeat(20_000)));
    for (let i = 0; i < 100; i++) await write();
    const growthBytes = freeBytes();
    leave(SPARE_BYTES + 1_000_000);
    for (let i = 0; i < 3; i++) await write();
    // The tables of a hundred such rows would have taken 2 MB.
    expect(freeBytes()).toBeGreaterThan(SPARE_BYTES);
    leave(growthBytes);
    await write();
    persistence = await reopened(persistence);
    model.expectIs(await persistence.load());
    await persistence.close();
  });

  test('that has little room still lets go of a history on which thousands of rows depend', async () => {
    let persistence = await openLmdbPersistence({ dataDir });
    await persistence.load();
    const model = new StateModel();
    const value = new Uint8Array(10);
    for (let i = 0; i < 6; i++) {
      const changes = Array.from({ length: 1_000 }, (_, at) => [`k/${i}/${at}`, { value }] as const);
      await persistence.write(model.group([{ changes: new Map(changes) }]));
    }
    leave(SPARE_BYTES + 4 * 1024 * 1024);
    await persistence.write(model.group([], { floor: model.revision }));
    persistence = await reopened(persistence);
    model.expectIs(await persistence.load());
    await persistence.close();
  });

  test('that is full when a store is opened still gives its data', async () => {
    let persistence = await openLmdbPersistence({ dataDir });
    await persistence.load();
    const model = new StateModel();
    await persistence.write(model.put('a', '1'));
    await persistence.close();
    leave(0);
    persistence = await openLmdbPersistence({ dataDir });
    model.expectIs(await persistence.load());
    await persistence.close();
  });

  test('that is full when a store is to be made refuses it, and leaves nothing that stands in the way', async () => {
    leave(0);
    await expect(openLmdbPersistence({ dataDir })).rejects.toMatchObject({ reason: 'STORE_FULL' });
    leave(2 * SPARE_BYTES);
    const persistence = await openLmdbPersistence({ dataDir });
    new StateModel().expectIs(await persistence.load());
    await persistence.close();
  });

  test('that is read-only is refused, with the file that cannot be opened', async () => {
    const persistence = await openLmdbPersistence({ dataDir });
    await persistence.close();
    spawnSync('mount', ['-o', 'remount,ro', path]);
    await expect(openLmdbPersistence({ dataDir })).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/LOCK: cannot be opened: EROFS/),
    });
    await expect(openLmdbPersistence({ dataDir: join(path, 'other') })).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/other: the directory cannot be made: EROFS/),
    });
  });
});
