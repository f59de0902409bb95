import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbPersistence } from '../../../../src/store/lmdb/index.js';
import { Environment } from '../../../../src/store/lmdb/environment.js';
import { decodeHead, encodeHead, FORMAT, HEAD_KEY } from '../../../../src/store/lmdb/head.js';
import { u64Key } from '../../../../src/store/lmdb/integers.js';
import { encodeLease, seal } from '../../../../src/store/lmdb/rows.js';
import { bytes, StateModel } from './state-model.js';

const PAGE_BYTES = 4096;
let dataDir: string;
let dataPath: string;
/** The data file as it should be. */
let sound: Buffer;
/** As it was one group before. */
let before: Buffer;
let model: StateModel;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'rollcall-lmdb-'));
  dataPath = join(dataDir, 'rollcall.mdb');
  const persistence = await openLmdbPersistence({ dataDir });
  await persistence.load();
  model = new StateModel();
  for (let i = 0; i < 40; i++) {
    // Every tenth value has pages of its own.
    const value = bytes('v'.repeat(i % 10 === 0 ? 9_000 : 300));
    const changes = new Map([[`k/${i}`, { value, lease: i + 1 }]]);
    before = readFileSync(dataPath);
    await persistence.write(model.group([{ changes }], { granted: [[i + 1, 30_000]], floor: i - 20 }));
  }
  await persistence.close();
  sound = readFileSync(dataPath);
});

beforeEach(() => writeFileSync(dataPath, sound));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

async function expectCorrupt(what: RegExp): Promise<void> {
  const damaged = readFileSync(dataPath);
  await expect(openLmdbPersistence({ dataDir })).rejects.toMatchObject({
    reason: 'STORE_CORRUPT',
    message: expect.stringMatching(what),
    metadata: { path: dataPath },
  });
  await expect(openLmdbPersistence({ dataDir })).rejects.toThrow(`${dataPath} is damaged: `);
  await expect(openLmdbPersistence({ dataDir })).rejects.toThrow(
    'Restore the data directory from a backup, or move it away to begin empty.',
  );
  // It is evidence, and perhaps of use to someone.
  expect(readFileSync(dataPath).equals(damaged)).toBe(true);
}

async function expectSound(): Promise<void> {
  const persistence = await openLmdbPersistence({ dataDir });
  try {
    model.expectIs(await persistence.load());
  } finally {
    await persistence.close();
  }
}

function damage(change: (file: Buffer) => void): void {
  const file = Buffer.from(sound);
  change(file);
  writeFileSync(dataPath, file);
}

/** Changes rows as the library would, checksums of pages and all. */
async function rewrite(change: (environment: Environment) => Promise<void>): Promise<void> {
  const environment = Environment.open(dataPath);
  await change(environment);
  await environment.close();
}

test('the file that the other tests damage is sound', async () => {
  await expectSound();
});

test('a file of no length', async () => {
  truncateSync(dataPath, 0);
  await expectCorrupt(/it ends at byte 0/);
});

test('garbage over the beginning', async () => {
  damage((file) => file.fill('garbage ', 0, 512));
  await expectCorrupt(/its meta page 0 is not one/);
});

test('a file of zeros', async () => {
  damage((file) => file.fill(0));
  await expectCorrupt(/its meta page 0 is not one/);
});

test('a file that is something else', async () => {
  copyFileSync(join(process.cwd(), 'package.json'), dataPath);
  await expectCorrupt(/its meta page 0 is not one/);
});

test('a file cut off at any page, and amid each', async () => {
  const size = statSync(dataPath).size;
  for (let end = size - PAGE_BYTES / 2; end > 0; end -= PAGE_BYTES / 2) {
    truncateSync(dataPath, end);
    // Only pages that nothing uses may be missing.
    await openLmdbPersistence({ dataDir }).then(
      async (persistence) => {
        model.expectIs(await persistence.load());
        await persistence.close();
        expect(end).toBeGreaterThan(size * 0.9);
      },
      (error: unknown) => expect(error).toMatchObject({ reason: 'STORE_CORRUPT' }),
    );
  }
}, 20_000);

test('a meta page that names an older transaction does not bring the older state back', async () => {
  // The page of the last transaction, and where it keeps the transaction's number.
  const at = sound.readUInt32LE(152) > sound.readUInt32LE(PAGE_BYTES + 152) ? 152 : PAGE_BYTES + 152;
  for (const back of [1, 2, 3, 40]) {
    damage((file) => file.writeUInt32LE(sound.readUInt32LE(at) - back, at));
    await expectCorrupt(/its meta pages are of|does not lead to it/);
  }
});

test('a whole older copy of the file is an older state, which nothing can tell', async () => {
  writeFileSync(dataPath, before);
  const persistence = await openLmdbPersistence({ dataDir });
  expect((await persistence.load()).revision).toBe(model.revision - 1);
  await persistence.close();
});

test('a page of an older copy amid the newer file', async () => {
  let found = 0;
  for (let at = 2 * PAGE_BYTES; at + PAGE_BYTES <= before.length; at += PAGE_BYTES) {
    if (sound.subarray(at, at + PAGE_BYTES).equals(before.subarray(at, at + PAGE_BYTES))) continue;
    damage((file) => before.copy(file, at, at, at + PAGE_BYTES));
    await openLmdbPersistence({ dataDir }).then(
      async (persistence) => {
        // The page was one that nothing uses.
        model.expectIs(await persistence.load());
        await persistence.close();
      },
      (error: unknown) => {
        found++;
        expect(error).toMatchObject({ reason: 'STORE_CORRUPT' });
      },
    );
  }
  expect(found).toBeGreaterThan(3);
});

describe('rows that are right by themselves', () => {
  test('one is missing', async () => {
    await rewrite((environment) => environment.write([{ table: 'kv', key: Buffer.from('k/3'), row: undefined }]));
    await expectCorrupt(/rows of table kv are missing, or older/);
  });

  test('one is older than it should be', async () => {
    const key = u64Key(5);
    const row = encodeLease(key, { id: 5, ttlMs: 29_999 });
    await rewrite((environment) => environment.write([{ table: 'leases', key, row }]));
    await expectCorrupt(/rows of table leases are missing, or older/);
  });

  test('one has the wrong checksum', async () => {
    const row = Buffer.concat([encodeLease(u64Key(5), { id: 5, ttlMs: 30_000 }), Buffer.from('more')]);
    await rewrite((environment) => environment.write([{ table: 'leases', key: u64Key(5), row }]));
    await expectCorrupt(/a row of table leases has the wrong checksum/);
  });

  test('the head is missing', async () => {
    await rewrite((environment) => environment.write([{ table: 'head', key: HEAD_KEY, row: undefined }]));
    await expectCorrupt(/it has no head/);
  });

  test('they contradict the revision', async () => {
    await rewrite(async (environment) => {
      const head = decodeHead(environment.get('head', HEAD_KEY) as Buffer);
      const row = encodeHead({ ...head, revision: head.revision - 1 });
      await environment.write([{ table: 'head', key: HEAD_KEY, row }]);
    });
    await expectCorrupt(/its history ends at revision 40, and it is at 39/);
  });

  test('the keys are newer than the history, or older than it reaches', async () => {
    for (const applied of [model.revision + 1, model.floor - 1]) {
      writeFileSync(dataPath, sound);
      await rewrite(async (environment) => {
        const head = decodeHead(environment.get('head', HEAD_KEY) as Buffer);
        await environment.write([{ table: 'head', key: HEAD_KEY, row: encodeHead({ ...head, applied }) }]);
      });
      await expectCorrupt(/its keys are of revision \d+, and it is at 40/);
    }
  });

  test('the history begins too early', async () => {
    await rewrite(async (environment) => {
      const head = decodeHead(environment.get('head', HEAD_KEY) as Buffer);
      const row = encodeHead({ ...head, floor: head.floor + 1 });
      await environment.write([{ table: 'head', key: HEAD_KEY, row }]);
    });
    await expectCorrupt(/its history has revision 20 after 20/);
  });
});

test('a data file of a newer format without its marker is refused as such', async () => {
  await rewrite(async (environment) => {
    const row = Buffer.from(environment.get('head', HEAD_KEY) as Buffer);
    row.writeUInt32LE(FORMAT + 1, 0);
    await environment.write([{ table: 'head', key: HEAD_KEY, row: seal(HEAD_KEY, row) }]);
  });
  await expect(openLmdbPersistence({ dataDir })).rejects.toMatchObject({
    reason: 'STORE_FORMAT',
    message: expect.stringMatching(/has format 3, and this version of Rollcall has format 2/),
  });
});
