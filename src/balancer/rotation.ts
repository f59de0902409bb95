/** What a rotation goes by, of each that it turns over. */
export interface Weighted {
  /** In proportion to the others'; above 0. */
  readonly weight: number;
  /** From 0 to 1, and kept by rotations: how much of its next turn it has earned. */
  credit: number;
}

/** An endless order, in which each has its share. */
export interface Rotation<T> {
  next(): T;
  /** How far it has come; one over a changed list begins there, so that changes favour nobody. */
  readonly position: number;
}

/**
 * Turns over `list`, which is not empty and stays as it is. The same list, credits and position give the same order.
 *
 * Equal weights take turns. Otherwise it is the idea of gRPC's static stride scheduler (gRFC A58): it goes round the
 * list, and each is taken in that fraction of the rounds which its weight is of the heaviest. So the shares are exact to
 * a call or two in any stretch, the calls of each lie far apart, and a call costs (heaviest / mean weight) steps. What
 * A58 computes from a count of rounds is kept here as credit, which outlives the list.
 */
export function rotationOf<T extends Weighted>(list: readonly T[], position: number): Rotation<T> {
  const heaviest = list.reduce((most, { weight }) => Math.max(most, weight), 0);
  return list.every(({ weight }) => weight === heaviest)
    ? new Turns(list, position)
    : new Strides(list, heaviest, position);
}

const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/**
 * The credit to begin with, for the `index`th that is made: evenly between 0 and 1 for any few in a row. If all began
 * alike, those of equal weight would be taken in the same round, and none of them in the rounds between.
 */
export function initialCredit(index: number): number {
  return (index * GOLDEN_RATIO) % 1;
}

class Turns<T> implements Rotation<T> {
  readonly #list: readonly T[];
  #cursor: number;
  #position: number;

  constructor(list: readonly T[], position: number) {
    this.#list = list;
    this.#cursor = position % list.length;
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  next(): T {
    const index = this.#cursor;
    this.#cursor = index + 1 === this.#list.length ? 0 : index + 1;
    this.#position++;
    return this.#list[index]!;
  }
}

class Strides<T extends Weighted> implements Rotation<T> {
  readonly #list: readonly T[];
  /** What each gains a visit: 1 for the heaviest. */
  readonly #strides: Float64Array;
  #cursor: number;
  #position: number;

  constructor(list: readonly T[], heaviest: number, position: number) {
    this.#list = list;
    this.#strides = Float64Array.from(list, ({ weight }) => weight / heaviest);
    this.#cursor = position % list.length;
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  next(): T {
    // Ends within one round, since the heaviest is taken at every visit.
    for (;;) {
      const index = this.#cursor;
      this.#cursor = index + 1 === this.#list.length ? 0 : index + 1;
      this.#position++;
      const one = this.#list[index]!;
      one.credit += this.#strides[index]!;
      if (one.credit >= 1) {
        one.credit -= 1;
        return one;
      }
    }
  }
}
