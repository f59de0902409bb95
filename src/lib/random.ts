import { randomFillSync, randomInt } from 'node:crypto';

/** Randomness, from outside, so that tests can repeat a run. */
export interface Random {
  /** A number in [0, 1). */
  fraction(): number;
  /** Fills `bytes`. */
  fill(bytes: Uint8Array): void;
}

const STEPS = 2 ** 47;

/** The randomness of the machine. */
export const systemRandom: Random = {
  fraction: () => randomInt(STEPS) / STEPS,
  fill: (bytes) => void randomFillSync(bytes),
};
