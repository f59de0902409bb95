/** Views as RxJS Observables. Needs the package `rxjs` of version 7. */
export { fromView } from './from-view.js';
export type { ViewObservables } from './from-view.js';
