export { skipReason, storeConformance } from './store-conformance.js';
export type { ConformanceCase } from './conformance-case.js';
export type { Feature, StoreHarness, StoreOpenOptions } from './store-harness.js';
