import { skipReason, storeConformance, type StoreHarness } from '../../src/testing/index.js';

/** Runs the conformance suite of the store contract as tests of Jest, each on a harness of its own. */
export function runConformance(engine: string, openHarness: () => StoreHarness): void {
  describe(`the ${engine} store`, () => {
    for (const each of storeConformance) {
      const reason = skipReason(each, openHarness());
      // What an engine cannot be put to is no test of it; its harness states why.
      if (reason === undefined) test(each.name, () => each.run(openHarness()));
    }
  });
}
