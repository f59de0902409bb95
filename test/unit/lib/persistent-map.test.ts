import * as fc from 'fast-check';
import { PersistentMap } from '../../../src/lib/persistent-map.js';

describe('PersistentMap', () => {
  it('is a map whatever is changed, and every map before the change stays as it was', () => {
    const key = fc.oneof(fc.string({ maxLength: 3 }), fc.uuid());
    const change = fc.tuple(key, fc.option(fc.nat(), { nil: undefined }));
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 20 }), { maxLength: 20 }), (steps) => {
        const maps = [PersistentMap.empty<number>()];
        const models = [new Map<string, number>()];
        for (const changes of steps) {
          maps.push((maps.at(-1) as PersistentMap<number>).with(new Map(changes)));
          const model = new Map(models.at(-1));
          for (const [changed, value] of new Map(changes)) {
            if (value === undefined) model.delete(changed);
            else model.set(changed, value);
          }
          models.push(model);
        }
        for (const [index, map] of maps.entries()) {
          const model = models[index] as Map<string, number>;
          expect(new Map(map)).toEqual(model);
          expect(new Set(map.values())).toEqual(new Set(model.values()));
          expect(map.size).toBe(model.size);
          for (const [known, value] of model) expect(map.get(known)).toBe(value);
        }
        expect(maps.at(-1)?.get('not a key of any')).toBeUndefined();
      }),
    );
  });
});
