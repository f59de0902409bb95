import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { KeySpace } from '../../../../src/store/embedded/key-space.js';
import type { Entry } from '../../../../src/store/contract.js';

const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', '0', '~', 'A', '!'), minLength: 1, maxLength: 4 });
const prefix = fc.string({ unit: fc.constantFrom('a', 'b', '/', '0', '~', 'A', '!'), maxLength: 3 });
let puts = 0;
const entry = (name: string): Entry => ({
  key: name,
  value: Buffer.alloc(0),
  createRevision: 1,
  modRevision: ++puts,
  lease: undefined,
});

describe('a key space', () => {
  it('is a sorted map: every page of every prefix is what a naive one would give', () => {
    const change = fc.record({ key, present: fc.boolean() });
    const question = fc.record({
      prefix,
      after: fc.option(key, { nil: undefined }),
      limit: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(change, question), { maxLength: 60, size: 'max' }), (steps) => {
        const space = new KeySpace();
        const naive = new Map<string, Entry>();
        for (const step of steps) {
          if ('key' in step) {
            const now = step.present ? entry(step.key) : undefined;
            space.apply([{ key: step.key, entry: now }]);
            if (now === undefined) naive.delete(step.key);
            else naive.set(step.key, now);
            assert.equal(space.get(step.key), now);
          } else {
            const { after, ...rest } = step;
            const all = [...naive.values()]
              .filter((each) => each.key.startsWith(step.prefix) && (after === undefined || each.key > after))
              .sort((a, b) => (a.key < b.key ? -1 : 1));
            const page = space.range(after === undefined ? rest : { ...rest, after });
            assert.deepEqual(page, { entries: all.slice(0, step.limit), more: all.length > step.limit });
          }
        }
      }),
    );
  });

  it('keeps the order that it made for a range until a key comes or goes', () => {
    const space = new KeySpace();
    space.apply(['b', 'c'].map((name) => ({ key: name, entry: entry(name) })));
    const keys = () => space.range({ prefix: '' }).entries.map((each) => each.key);
    expect(keys()).toEqual(['b', 'c']);
    space.apply([{ key: 'b', entry: entry('b') }]);
    expect(space.range({ prefix: '' }).entries[0]?.modRevision).toBe(puts);
    space.apply([{ key: 'a', entry: entry('a') }]);
    expect(keys()).toEqual(['a', 'b', 'c']);
    space.apply([{ key: 'b', entry: undefined }]);
    expect(keys()).toEqual(['a', 'c']);
  });
});
