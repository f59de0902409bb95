import { createHash } from 'node:crypto';
import type { ListedEndpoint } from './listed-endpoint.js';

/** As many as a number holds exactly. */
const SCORE_BYTES = 6;

/**
 * Chooses the endpoints that this process connects to, by rendezvous hashing: each endpoint has a score that depends on
 * the key and its id alone, and the highest are chosen. So one that leaves is replaced by one, all others stay, and
 * over many keys every endpoint is chosen equally often.
 */
export class Subset {
  readonly #key: string;
  /** A resolver hands on the same object as long as an endpoint does not change. */
  readonly #scores = new WeakMap<object, number>();

  constructor(key: string) {
    this.#key = key;
  }

  get key(): string {
    return this.#key;
  }

  /**
   * Of `listed` those to connect to, the best first: `size` of them, and then at most as many that stand in for those
   * that fail. Of a `zone`, unless it is empty, come first all that have the size, and half of those that stand in; the
   * other half is from elsewhere, so that a zone which fails as a whole can be left.
   *
   * One that leaves `listed`, or joins it, changes the first n by one at most, for any n.
   */
  candidates(
    listed: readonly ListedEndpoint[],
    { size, zone }: { readonly size: number; readonly zone: string },
  ): readonly ListedEndpoint[] {
    const ranked = listed.toSorted((a, b) => this.#score(b) - this.#score(a));
    const near = ranked.filter((one) => zone !== '' && one.zone === zone);
    const far = ranked.filter((one) => zone === '' || one.zone !== zone);
    const nearFirst = size + Math.floor(size / 2);
    return [...near.slice(0, nearFirst), ...far, ...near.slice(nearFirst)].slice(0, 2 * size);
  }

  /**
   * Of node:crypto rather than the hash of `core/`, which loads asynchronously: a list has to be answered at once. The
   * same key and id have the same score in any process and version.
   */
  #score({ endpoint, id }: ListedEndpoint): number {
    const known = this.#scores.get(endpoint);
    if (known !== undefined) return known;
    const score = createHash('sha256').update(`${this.#key}\0${id}`).digest().readUIntBE(0, SCORE_BYTES);
    this.#scores.set(endpoint, score);
    return score;
  }
}

/**
 * As many of `candidates`, from the first on, as it takes to have `size` that do not fail. Whether one fails is asked
 * after it was handed out, so that it can be found out meanwhile.
 */
export function* needed<T>(candidates: Iterable<T>, size: number, fails: (one: T) => boolean): Generator<T> {
  let sound = 0;
  for (const one of candidates) {
    if (sound === size) return;
    yield one;
    if (!fails(one)) sound++;
  }
}
