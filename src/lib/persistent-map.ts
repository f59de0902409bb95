const BUCKETS = 256;

type Bucket<V> = ReadonlyMap<string, V>;

/**
 * A map that never changes: {@link with} makes another, which shares with it
 * all but what differs. Its entries lie in 256 buckets, of which only those
 * touched are copied, so that a change to one of 10,000 entries copies some 40
 * of them.
 */
export class PersistentMap<V> implements Iterable<[string, V]> {
  readonly size: number;
  readonly #buckets: readonly Bucket<V>[];

  private constructor(buckets: readonly Bucket<V>[], size: number) {
    this.#buckets = buckets;
    this.size = size;
  }

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(
      Array.from({ length: BUCKETS }, () => EMPTY),
      0,
    );
  }

  get(key: string): V | undefined {
    return this.#buckets[bucketOf(key)]?.get(key);
  }

  /** The map with these entries set, and those deleted whose value is undefined. */
  with(changes: ReadonlyMap<string, V | undefined>): PersistentMap<V> {
    const buckets = [...this.#buckets];
    const copied = new Map<number, Map<string, V>>();
    let { size } = this;
    for (const [key, value] of changes) {
      const index = bucketOf(key);
      const bucket = copied.get(index) ?? new Map(buckets[index]);
      copied.set(index, bucket);
      buckets[index] = bucket;
      size -= bucket.size;
      if (value === undefined) bucket.delete(key);
      else bucket.set(key, value);
      size += bucket.size;
    }
    return new PersistentMap(buckets, size);
  }

  *values(): Generator<V> {
    for (const bucket of this.#buckets) yield* bucket.values();
  }

  *[Symbol.iterator](): Generator<[string, V]> {
    for (const bucket of this.#buckets) yield* bucket;
  }
}

const EMPTY: Bucket<never> = new Map<string, never>();

/** FNV-1a, folded to a bucket. */
function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return ((hash >>> 16) ^ hash) & (BUCKETS - 1);
}
