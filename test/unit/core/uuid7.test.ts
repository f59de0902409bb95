import { uuid7 } from '../../../src/core/uuid7.js';

describe('uuid7', () => {
  it('puts the time first, then the version, the variant and the random bits', () => {
    const id = uuid7(0x017f22e279b0, (bytes) => bytes.fill(0xff));
    expect(id).toBe('017f22e2-79b0-7fff-bfff-ffffffffffff');
  });

  it('leaves version and variant in place when all random bits are 0', () => {
    expect(uuid7(0, (bytes) => bytes.fill(0))).toBe('00000000-0000-7000-8000-000000000000');
  });

  it('sorts by time', () => {
    const early = uuid7(1_700_000_000_000, (bytes) => bytes.fill(0xff));
    const late = uuid7(1_700_000_000_001, (bytes) => bytes.fill(0));
    expect(early < late).toBe(true);
  });
});
