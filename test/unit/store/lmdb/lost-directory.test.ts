import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Persistence } from '../../../../src/store/embedded/persistence.js';
import { openLmdbPersistence } from '../../../../src/store/lmdb/index.js';
import { StateModel } from './state-model.js';

let parent: string;
let dataDir: string;
let persistence: Persistence;
let model: StateModel;

beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), 'rollcall-lmdb-'));
  dataDir = join(parent, 'data');
  persistence = await openLmdbPersistence({ dataDir });
  await persistence.load();
  model = new StateModel();
  await persistence.write(model.put('a', '1'));
});

afterEach(async () => {
  await persistence.close();
  rmSync(parent, { recursive: true, force: true });
});

/** The group that comes next, without taking it into the model. */
function nextGroup(): ReturnType<StateModel['put']> {
  const copy = new StateModel();
  copy.put('a', '1');
  return copy.put('b', '2');
}

test('a data directory that was taken away refuses writes, until it is back', async () => {
  renameSync(dataDir, join(parent, 'elsewhere'));
  await expect(persistence.write(nextGroup())).rejects.toMatchObject({
    reason: 'STORE_UNAVAILABLE',
    message: expect.stringMatching(/rollcall\.mdb: cannot be written: ENOENT/),
  });
  renameSync(join(parent, 'elsewhere'), dataDir);
  await persistence.write(model.put('b', '2'));
  await persistence.close();
  persistence = await openLmdbPersistence({ dataDir });
  model.expectIs(await persistence.load());
});

test('a data directory in the place of the one that was taken away is not written to', async () => {
  renameSync(dataDir, join(parent, 'elsewhere'));
  await expect(persistence.write(nextGroup())).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  const other = await openLmdbPersistence({ dataDir });
  await other.close();
  await expect(persistence.write(nextGroup())).rejects.toMatchObject({
    reason: 'STORE_UNAVAILABLE',
    message: expect.stringMatching(/is not as it was left; the server must be restarted/),
  });
  const again = await openLmdbPersistence({ dataDir });
  new StateModel().expectIs(await again.load());
  await again.close();
});
