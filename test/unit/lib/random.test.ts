import { drawnAhead } from '../../../src/lib/random.js';

/** A source that counts: its bytes are 0, 1, 2 and so on, and all draws are one sequence. */
function countingSource() {
  const draws: number[] = [];
  let next = 0;
  const fill = (bytes: Uint8Array) => {
    draws.push(bytes.length);
    for (let at = 0; at < bytes.length; at++) bytes[at] = next++ % 251;
  };
  return { draws, fill };
}

describe('randomness drawn ahead', () => {
  it('hands out each byte once, in order, and draws once for hundreds of fills', () => {
    const source = countingSource();
    const fill = drawnAhead(source.fill);
    const handedOut: number[] = [];
    for (let count = 0; count < 500; count++) {
      const bytes = new Uint8Array(8);
      fill(bytes);
      handedOut.push(...bytes);
    }
    expect(handedOut).toEqual(Array.from({ length: 4_000 }, (_, at) => at % 251));
    expect(source.draws).toEqual([4_096]);
  });

  it('never hands out what is left of a draw twice', () => {
    const source = countingSource();
    const fill = drawnAhead(source.fill);
    fill(new Uint8Array(4_090));
    const bytes = new Uint8Array(16);
    fill(bytes);
    expect([...bytes]).toEqual(Array.from({ length: 16 }, (_, at) => (4_096 + at) % 251));
    expect(source.draws).toEqual([4_096, 4_096]);
  });

  it('draws at once what is larger than what it holds', () => {
    const source = countingSource();
    const fill = drawnAhead(source.fill);
    fill(new Uint8Array(10_000));
    expect(source.draws).toEqual([10_000]);
  });
});
