/** An endless order of indices, in which each has its share. */
export interface Rotation {
  next(): number;
  /** Where it stands; a rotation over a changed list begins there, so that changes favour nobody. */
  readonly position: number;
}

/**
 * Turns over `weights`, of which there is at least one and none is 0 or less. The same arguments give the same order.
 *
 * Equal weights take turns. Otherwise it is the idea of gRPC's static stride scheduler (gRFC A58): it goes round the
 * list, and each index is taken in that fraction of the rounds which its weight is of the heaviest. So the shares are
 * exact to one call in any stretch, calls of one index lie far apart, and a call costs (heaviest / mean weight) steps.
 */
export function rotationOf(weights: readonly number[], position: number): Rotation {
  const heaviest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  return weights.every((weight) => weight === heaviest)
    ? new Turns(weights.length, position)
    : new Strides(weights, heaviest, position);
}

class Turns implements Rotation {
  readonly #length: number;
  #cursor: number;
  #position: number;

  constructor(length: number, position: number) {
    this.#length = length;
    this.#cursor = position % length;
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  next(): number {
    const index = this.#cursor;
    this.#cursor = index + 1 === this.#length ? 0 : index + 1;
    this.#position++;
    return index;
  }
}

/** Multiples of it, less their whole part, lie evenly between 0 and 1 from the first few on. */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

class Strides implements Rotation {
  /** What an index gains a visit: 1 for the heaviest. */
  readonly #strides: Float64Array;
  /** From 0 to 1. An index that reaches 1 is taken, and pays 1. */
  readonly #credits: Float64Array;
  #cursor: number;
  #position: number;

  constructor(weights: readonly number[], heaviest: number, position: number) {
    this.#strides = Float64Array.from(weights, (weight) => weight / heaviest);
    // Equal weights would otherwise all be taken in the same round, and none in those between. Beginning elsewhere at
    // each position keeps the shares right also where a list changes with every few calls.
    this.#credits = Float64Array.from(weights, (_weight, index) => ((index + position) * GOLDEN_RATIO) % 1);
    this.#cursor = position % weights.length;
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  next(): number {
    // Ends within one round, since the heaviest is taken at every visit.
    for (;;) {
      const index = this.#cursor;
      this.#cursor = index + 1 === this.#strides.length ? 0 : index + 1;
      this.#position++;
      const credit = this.#credits[index]! + this.#strides[index]!;
      if (credit >= 1) {
        this.#credits[index] = credit - 1;
        return index;
      }
      this.#credits[index] = credit;
    }
  }
}
