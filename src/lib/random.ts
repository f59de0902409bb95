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

const DRAWN_BYTES = 4_096;

/** The same randomness, of which much is drawn ahead: filling 8 bytes costs nearly what filling thousands does. */
export function drawnAhead(fill: Random['fill']): Random['fill'] {
  const drawn = new Uint8Array(DRAWN_BYTES);
  let used = drawn.length;
  return (bytes) => {
    if (bytes.length > drawn.length) return fill(bytes);
    if (used + bytes.length > drawn.length) {
      fill(drawn);
      used = 0;
    }
    const end = used + bytes.length;
    bytes.set(drawn.subarray(used, end));
    // What was handed out is nobody else's to find.
    drawn.fill(0, used, end);
    used = end;
  };
}
