import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import type { Persistence } from '../../../../src/store/embedded/persistence.js';
import { openLmdbPersistence } from '../../../../src/store/lmdb/index.js';
import { bytes, StateModel, type Step } from './state-model.js';

let dataDir: string;
let open: Persistence[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'rollcall-lmdb-'));
  open = [];
});

afterEach(async () => {
  for (const persistence of open) await persistence.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function openPersistence(options: { newEpoch?: boolean; backlogRows?: number } = {}): Promise<Persistence> {
  const persistence = await openLmdbPersistence({ dataDir, ...options });
  open.push(persistence);
  return persistence;
}

async function reopen(
  persistence: Persistence,
  options: { newEpoch?: boolean; backlogRows?: number } = {},
): Promise<Persistence> {
  await persistence.close();
  return openPersistence(options);
}

test('a new directory holds an empty store, whose epoch stays', async () => {
  const first = await openPersistence();
  const state = await first.load();
  new StateModel().expectIs(state);
  expect(state.epoch).toMatch(/^[0-9a-f]{16}$/);
  const second = await reopen(first);
  expect((await second.load()).epoch).toBe(state.epoch);
});

const keys = fc.integer({ min: 0, max: 30 }).map((n) => `e/default/payments/${n}`);
const leaseIds = fc.integer({ min: 1, max: 12 });
// Small values lie in a page with others, large ones in pages of their own.
const values = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ minLength: 2_000, maxLength: 20_000 }));
const puts = fc.record({ value: values, lease: leaseIds }, { requiredKeys: ['value'] });
const steps: fc.Arbitrary<Step> = fc.record({
  changes: fc
    .uniqueArray(fc.tuple(keys, fc.option(puts, { nil: undefined })), { minLength: 1, selector: ([key]) => key })
    .map((changes) => new Map(changes)),
});
const groups = fc.record({
  steps: fc.array(steps, { maxLength: 6 }),
  granted: fc.uniqueArray(fc.tuple(leaseIds, fc.integer({ min: 1_000, max: 86_400_000 })), { selector: ([id]) => id }),
  ended: fc.uniqueArray(leaseIds),
  floorLag: fc.nat(20),
  reopen: fc.boolean(),
});

test('after any groups and reopenings, the state is what was written', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(groups, { maxLength: 12 }),
      fc.constantFrom(1, 5, 1_000),
      async (sequence, backlogRows) => {
        rmSync(dataDir, { recursive: true, force: true });
        let persistence = await openPersistence({ backlogRows });
        await persistence.load();
        const model = new StateModel();
        for (const group of sequence) {
          const floor = model.revision + group.steps.length - group.floorLag;
          await persistence.write(model.group(group.steps, { floor, granted: group.granted, ended: group.ended }));
          if (!group.reopen) continue;
          persistence = await reopen(persistence, { backlogRows });
          model.expectIs(await persistence.load());
        }
        persistence = await reopen(persistence);
        model.expectIs(await persistence.load());
        await persistence.close();
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);

test('a group of thousands of changes is written whole, and so is the compaction of thousands of revisions', async () => {
  let persistence = await openPersistence();
  await persistence.load();
  const model = new StateModel();
  const value = bytes('x'.repeat(300));
  const thousands = Array.from({ length: 6_000 }, (_, i) => ({ changes: new Map([[`k/${i % 2_500}`, { value }]]) }));
  await persistence.write(model.group(thousands));
  persistence = await reopen(persistence);
  model.expectIs(await persistence.load());
  await persistence.write(model.group([], { floor: 5_990 }));
  persistence = await reopen(persistence);
  model.expectIs(await persistence.load());
});

test.each([3, 7])(
  'a store that is opened again amid a pass, after every %d groups, holds what was written',
  async (every) => {
    const backlogRows = 500;
    let persistence = await openPersistence({ backlogRows });
    await persistence.load();
    const model = new StateModel();
    for (let group = 0; group < 60; group++) {
      const ids = Array.from({ length: 40 }, (_, i) => ((group * 40 + i) * 7_919) % 1_000);
      const changes = ids.map(
        (id) => [`k/${id}`, id % 5 === group % 5 ? undefined : { value: bytes(`${group}`), lease: id + 1 }] as const,
      );
      const halves = [{ changes: new Map(changes.slice(0, 20)) }, { changes: new Map(changes.slice(20)) }];
      const granted = ids.filter((id) => id % 2 === 0).map((id): [number, number] => [id + 1, 1_000 + group]);
      const ended = ids.filter((id) => id % 2 === 1).map((id) => id + 1);
      await persistence.write(model.group(halves, { granted, ended, floor: model.revision - 100 }));
      if (group % every !== 0) continue;
      persistence = await reopen(persistence, { backlogRows });
      model.expectIs(await persistence.load());
    }
  },
);

test('an entry that is both current and history is one object after a load', async () => {
  const persistence = await openPersistence();
  await persistence.load();
  const model = new StateModel();
  await persistence.write(model.put('a', 'first'));
  await persistence.write(model.put('a', 'second'));
  const state = await (await reopen(persistence)).load();
  expect(state.entries[0]).toBe(state.history[1]?.changes[0]?.entry);
  expect(state.history[1]?.changes[0]?.prev).toBe(state.history[0]?.changes[0]?.entry);
});

test('a group that does not follow the last one is refused, and nothing of it is written', async () => {
  const persistence = await openPersistence();
  await persistence.load();
  const model = new StateModel();
  await persistence.write(model.put('a', '1'));
  const later = new StateModel();
  for (let i = 0; i < 3; i++) later.put('b', '2');
  const outOfOrder = later.put('b', '3');
  await expect(persistence.write({ ...outOfOrder, revision: 9 })).rejects.toMatchObject({ reason: 'INTERNAL' });
  await expect(persistence.write({ ...outOfOrder, floor: 5 })).rejects.toMatchObject({ reason: 'INTERNAL' });
  const stale = { ...outOfOrder, revision: 1, batches: [{ revision: 1, timeMs: 0, changes: [] }] };
  await expect(persistence.write(stale)).rejects.toMatchObject({ reason: 'INTERNAL' });
  const again = await reopen(persistence);
  model.expectIs(await again.load());
});

test('a new epoch keeps the data and lets the history go', async () => {
  const first = await openPersistence();
  const { epoch } = await first.load();
  const model = new StateModel();
  await first.write(
    model.group([{ changes: new Map([['a', { value: bytes('1'), lease: 7 }]]) }], { granted: [[7, 30_000]] }),
  );
  await first.write(model.put('b', '2'));

  const second = await reopen(first, { newEpoch: true });
  const state = await second.load();
  model.group([], { floor: 2 });
  model.expectIs(state);
  expect(state.epoch).toMatch(/^[0-9a-f]{16}$/);
  expect(state.epoch).not.toBe(epoch);
  await second.write(model.put('b', '3'));

  const third = await reopen(second);
  const after = await third.load();
  model.expectIs(after);
  expect(after.epoch).toBe(state.epoch);
});

test('close waits for the write under way, may be called twice, and refuses what comes after', async () => {
  const persistence = await openPersistence();
  await persistence.load();
  const model = new StateModel();
  let written = false;
  const writing = persistence.write(model.put('a', '1')).then(() => (written = true));
  await Promise.all([persistence.close(), persistence.close()]);
  expect(written).toBe(true);
  await writing;
  await expect(persistence.write(model.put('a', '2'))).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
});

test('the event loop turns while a group is being written', async () => {
  const persistence = await openPersistence();
  await persistence.load();
  const value = bytes('x'.repeat(20_000));
  const large = new StateModel().group(
    Array.from({ length: 500 }, (_, i) => ({ changes: new Map([[`k/${i}`, { value }]]) })),
  );
  let turns = 0;
  let isWriting = true;
  const count = (): void => {
    turns++;
    if (isWriting) setImmediate(count);
  };
  const writing = persistence.write(large);
  setImmediate(count);
  await writing;
  isWriting = false;
  // 20 MB to disk: a write on this thread would leave one turn or two.
  expect(turns).toBeGreaterThan(10);
});
