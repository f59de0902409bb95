import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbPersistence } from '../../../../src/store/lmdb/index.js';
import { StateModel } from './state-model.js';

let parent: string;
let dataDir: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'rollcall-lmdb-'));
  dataDir = join(parent, 'data');
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

/** Opens the directory, writes one key unless told, and closes it. */
async function useDirectory(put = true): Promise<StateModel> {
  const persistence = await openLmdbPersistence({ dataDir });
  await persistence.load();
  const model = new StateModel();
  if (put) await persistence.write(model.put('a', '1'));
  await persistence.close();
  return model;
}

async function expectHolds(model: StateModel): Promise<void> {
  const persistence = await openLmdbPersistence({ dataDir });
  try {
    model.expectIs(await persistence.load());
  } finally {
    await persistence.close();
  }
}

test('the directory is made with its parents, for its owner alone', async () => {
  dataDir = join(parent, 'a', 'b', 'data');
  await useDirectory();
  for (const directory of [join(parent, 'a'), dataDir]) expect(statSync(directory).mode & 0o777).toBe(0o700);
  for (const file of readdirSync(dataDir)) expect(statSync(join(dataDir, file)).mode & 0o077).toBe(0);
  expect(readdirSync(dataDir).toSorted()).toEqual(['FORMAT', 'LOCK', 'rollcall.mdb', 'rollcall.mdb-lock']);
});

describe('the lock', () => {
  test('a directory that is open is refused in the same process, and says who has it', async () => {
    const first = await openLmdbPersistence({ dataDir });
    await expect(openLmdbPersistence({ dataDir })).rejects.toMatchObject({
      reason: 'STORE_LOCKED',
      message: `the data directory ${dataDir} is in use by process ${process.pid} on ${hostname()}. Stop it, or use another directory.`,
    });
    await first.close();
    await useDirectory();
  });

  test('it is the directory that is locked, by whatever name', async () => {
    const first = await openLmdbPersistence({ dataDir });
    const alias = join(parent, 'alias');
    symlinkSync(dataDir, alias);
    await expect(openLmdbPersistence({ dataDir: alias })).rejects.toMatchObject({ reason: 'STORE_LOCKED' });
    await first.close();
  });

  test('an opening that fails lets go of it', async () => {
    await useDirectory();
    writeFileSync(join(dataDir, 'rollcall.mdb'), '');
    await expect(openLmdbPersistence({ dataDir })).rejects.toMatchObject({ reason: 'STORE_CORRUPT' });
    rmSync(dataDir, { recursive: true });
    await useDirectory();
  });

  test('a lock file that was left behind is no lock', async () => {
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'LOCK'), 'process 1 on another-host\n');
    await expectHolds(await useDirectory());
  });
});

describe('the format', () => {
  test.each(['1', '3'])('another format is refused, by the versions of both: %s', async (format) => {
    await useDirectory();
    writeFileSync(join(dataDir, 'FORMAT'), `rollcall store, format ${format}\n`);
    await expect(openLmdbPersistence({ dataDir })).rejects.toMatchObject({
      reason: 'STORE_FORMAT',
      message: expect.stringContaining(`has format ${format}, and this version of Rollcall has format 2`),
      metadata: { path: dataDir, format, formatOfThisVersion: '2' },
    });
  });

  test('a FORMAT file that names none is damage', async () => {
    await useDirectory();
    writeFileSync(join(dataDir, 'FORMAT'), '');
    await expect(openLmdbPersistence({ dataDir })).rejects.toMatchObject({
      reason: 'STORE_CORRUPT',
      metadata: { path: join(dataDir, 'FORMAT') },
    });
  });
});

describe('a creation that was broken off', () => {
  test('before the data had its name: the directory is new', async () => {
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'rollcall.mdb.new'), 'half');
    writeFileSync(join(dataDir, 'rollcall.mdb.new-lock'), 'half');
    const model = await useDirectory();
    await expectHolds(model);
    expect(readdirSync(dataDir).filter((name) => name.includes('.new'))).toEqual([]);
  });

  test('before the marker was written: the data is taken for what it is', async () => {
    const model = await useDirectory();
    rmSync(join(dataDir, 'FORMAT'));
    writeFileSync(join(dataDir, 'FORMAT.new'), 'rollcall st');
    await expectHolds(model);
    expect(readFileSync(join(dataDir, 'FORMAT'), 'utf8')).toBe('rollcall store, format 2\n');
  });
});

test('data that is missing is not replaced by an empty store', async () => {
  await useDirectory();
  rmSync(join(dataDir, 'rollcall.mdb'));
  await expect(openLmdbPersistence({ dataDir })).rejects.toMatchObject({
    reason: 'STORE_CORRUPT',
    message: expect.stringMatching(
      /rollcall\.mdb is damaged: it is missing.*Restore .* from a backup, or move it away/,
    ),
  });
  expect(existsSync(join(dataDir, 'rollcall.mdb'))).toBe(false);
});

test('what LMDB keeps besides the data is of no account', async () => {
  const model = await useDirectory();
  writeFileSync(join(dataDir, 'rollcall.mdb-lock'), Buffer.alloc(3, 0xff));
  await expectHolds(model);
  rmSync(join(dataDir, 'rollcall.mdb-lock'));
  await expectHolds(model);
});

describe('a file system that refuses', () => {
  test('the data directory is a file', async () => {
    writeFileSync(dataDir, '');
    await expect(openLmdbPersistence({ dataDir })).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: `${dataDir}: is a file, where there should be a directory`,
    });
  });

  test('a parent of the data directory is a file', async () => {
    writeFileSync(dataDir, '');
    await expect(openLmdbPersistence({ dataDir: join(dataDir, 'inner') })).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/inner: the directory cannot be made: ENOTDIR/),
    });
  });

  test('the data directory may not be written', async () => {
    mkdirSync(dataDir);
    chmodSync(parent, 0o755);
    chmodSync(dataDir, 0o555);
    await asNobody(async () => {
      await expect(openLmdbPersistence({ dataDir })).rejects.toMatchObject({
        reason: 'STORE_UNAVAILABLE',
        message: expect.stringMatching(/LOCK: cannot be opened: EACCES/),
      });
    });
  });
});

/** Permissions mean nothing to root: it becomes another user meanwhile. */
async function asNobody(run: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return run();
  process.seteuid?.(65534);
  try {
    await run();
  } finally {
    process.seteuid?.(0);
  }
}
