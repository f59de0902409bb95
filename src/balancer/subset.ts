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

  /** At most `size` of `listed`: those of `zone` first unless it is empty, then the others. */
  choose(
    listed: readonly ListedEndpoint[],
    { size, zone }: { readonly size: number; readonly zone: string },
  ): readonly ListedEndpoint[] {
    if (listed.length <= size) return listed;
    const scored = listed.map((one) => ({ one, near: zone !== '' && one.zone === zone, score: this.#score(one) }));
    scored.sort((a, b) => Number(b.near) - Number(a.near) || b.score - a.score);
    return scored.slice(0, size).map(({ one }) => one);
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
