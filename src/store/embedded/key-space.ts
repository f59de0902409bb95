import { firstIndex } from '../../lib/first-index.js';
import type { Change, Entry, RangePage, RangeRequest } from '../contract.js';

const RANGE_LIMIT_DEFAULT = 1_000;

/**
 * The entries of an embedded store, by key.
 *
 * Point access is O(1). The order that ranges need is made when a range is
 * asked for and kept until a key comes or goes, since ranges are read at
 * start-up and by administrators, but keys are put all the time.
 */
export class KeySpace {
  readonly #entries = new Map<string, Entry>();
  #ordered: string[] | undefined;

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Takes the changes of a revision in. */
  apply(changes: readonly Pick<Change, 'key' | 'entry'>[]): void {
    for (const { key, entry } of changes) this.#set(key, entry);
  }

  range(request: RangeRequest): Omit<RangePage, 'revision'> {
    const { prefix, after = '', limit = RANGE_LIMIT_DEFAULT } = request;
    this.#ordered ??= [...this.#entries.keys()].sort();
    const keys = this.#ordered;
    const isFrom = (key: string) => (after >= prefix ? key > after : key >= prefix);
    let index = firstIndex(keys.length, (at) => isFrom(keys[at]!));
    const entries: Entry[] = [];
    for (; index < keys.length && keys[index]!.startsWith(prefix); index++) {
      if (entries.length === limit) return { entries, more: true };
      entries.push(this.#entries.get(keys[index]!)!);
    }
    return { entries, more: false };
  }

  #set(key: string, entry: Entry | undefined): void {
    if (entry === undefined) {
      this.#entries.delete(key);
      this.#ordered = undefined;
    } else {
      if (!this.#entries.has(key)) this.#ordered = undefined;
      this.#entries.set(key, entry);
    }
  }
}
