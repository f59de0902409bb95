import type { CommitGroup } from '../../../../src/store/embedded/persistence.js';
import { Backlog, type Portion } from '../../../../src/store/lmdb/backlog.js';
import { LatestRows } from '../../../../src/store/lmdb/latest-rows.js';
import { bytes, StateModel } from './state-model.js';

const ROWS_MAX = 1_000;

/** Groups of one revision that puts a key under a lease of its own, which are two rows. */
class Writer {
  readonly model = new StateModel();
  readonly backlog = new Backlog(new LatestRows(), { applied: 0, revision: 0, rowsMax: ROWS_MAX });
  /** What the tables hold: by table and id, the revision of the key, or the TTL. */
  readonly tables = new Map<string, number>();
  readonly portions: Portion[] = [];

  put(key: string): void {
    const lease = this.model.revision + 1;
    const changes = new Map([[key, { value: bytes('v'), lease }]]);
    const group = this.model.group([{ changes }], { granted: [[lease, 1_000]] });
    this.write(group, this.backlog.portion(2));
  }

  write(group: CommitGroup, portion: Portion): void {
    for (const { table, id, value } of portion.rows) {
      if (value === undefined) this.tables.delete(`${table}/${id}`);
      else this.tables.set(`${table}/${id}`, 'modRevision' in value ? value.modRevision : value.ttlMs);
    }
    this.portions.push(portion);
    this.backlog.written(group, portion);
  }
}

test('nothing is written to the tables until enough waits, and then a pass writes all of it, a portion with each group', () => {
  const writer = new Writer();
  for (let i = 0; i < ROWS_MAX / 2; i++) writer.put(`k/${i}`);
  expect(writer.tables.size).toBe(0);
  expect(writer.backlog.applied).toBe(0);
  const portions = writer.portions.length;
  while (writer.backlog.applied === 0) writer.put('later');
  expect(writer.portions.slice(portions).map(({ rows }) => rows.length)).toEqual([256, 256, 256, 232]);
  expect(writer.backlog.applied).toBe(ROWS_MAX / 2);
  expect(writer.tables.size).toBe(ROWS_MAX);
  expect(writer.tables.has('kv/later')).toBe(false);
});

test('a pass is in the order of the tables, and a key that was put often is written once', () => {
  const writer = new Writer();
  for (let i = 0; i < ROWS_MAX; i++) writer.put(`k/${i % 10}`);
  const passed = writer.portions.flatMap(({ rows }) => rows);
  const keys = passed.filter(({ table }) => table === 'kv').map(({ id }) => id);
  expect(keys).toEqual(Array.from({ length: 10 }, (_, i) => `k/${i}`));
});

test('passes keep up with groups of any size', () => {
  const { backlog, model } = new Writer();
  let waiting = 0;
  for (let round = 0; round < 40; round++) {
    const changes = new Map(Array.from({ length: 700 }, (_, i) => [`k/${round}/${i}`, { value: bytes('v') }] as const));
    const portion = backlog.portion(700);
    waiting += 700 - portion.rows.length;
    backlog.written(model.group([{ changes }]), portion);
  }
  expect(waiting).toBeLessThan(4 * ROWS_MAX);
});

test('large values do not wait for many rows', () => {
  const { backlog, model } = new Writer();
  const value = new Uint8Array(64 * 1024);
  let portions = 0;
  for (let i = 0; i < 200; i++) {
    const group = model.group([{ changes: new Map([[`k/${i}`, { value }]]) }]);
    const portion = backlog.portion(1);
    if (portion.rows.length > 0) portions++;
    // 4 MiB are 64 of them.
    expect(portion.rows.length).toBeLessThanOrEqual(64);
    backlog.written(group, portion);
  }
  expect(portions).toBe(3);
});

test('everything that waits is written at once where it must be, the newest of each', () => {
  const writer = new Writer();
  // A pass that is under way, with what came after it.
  for (let i = 0; i < ROWS_MAX / 2 + 2; i++) writer.put(`k/${i}`);
  writer.put('k/499');
  expect(writer.backlog.applied).toBe(0);
  const group = writer.model.group([{ changes: new Map([['k/3', undefined]]) }], { ended: [4] });
  writer.write(group, writer.backlog.everything(group));
  expect(writer.backlog.applied).toBe(group.revision);
  const expected = [...writer.model.entries.values()].map(({ key, modRevision }) => [`kv/${key}`, modRevision]);
  const leases = [...writer.model.leases].map(([id, ttlMs]) => [`leases/${id}`, ttlMs]);
  expect(writer.tables).toEqual(new Map([...expected, ...leases] as [string, number][]));
  expect(writer.backlog.portion(2).rows).toEqual([]);
});

test('what a group that failed would have written is in the next portion again', () => {
  const writer = new Writer();
  for (let i = 0; i < ROWS_MAX / 2; i++) writer.put(`k/${i}`);
  const failed = writer.backlog.portion(2);
  expect(failed.rows.length).toBeGreaterThan(0);
  expect(writer.backlog.portion(2)).toEqual(failed);
});
