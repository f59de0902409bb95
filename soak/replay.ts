import type { Xxh64 } from '../src/core/hash.js';
import { validateAll } from '../test/support/validators/index.js';
import type { KeptHistory } from './history-file.js';

/** What is wrong with a history that was kept: what was seen beside it, and what the validators of today see in it. */
export function replay({ head, history }: KeptHistory, xxh64: Xxh64): string[] {
  return [...head.observed, ...validateAll(history, xxh64)];
}
