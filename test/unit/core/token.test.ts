import * as fc from 'fast-check';
import { isRollcallError } from '../../../src/core/errors.js';
import { LIMITS } from '../../../src/core/limits.js';
import { decodeToken, encodeToken, NO_SCOPE, type Token } from '../../../src/core/token.js';

const hexDigit = fc.constantFrom(...'0123456789abcdef'.split(''));
const token: fc.Arbitrary<Token> = fc.record({
  epoch: fc.array(hexDigit, { minLength: 16, maxLength: 16 }).map((digits) => digits.join('')),
  revision: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  scope: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});

function refusal(text: string): unknown {
  try {
    return decodeToken(text, 'resume_token');
  } catch (error) {
    return error;
  }
}

function expectRefused(text: string): void {
  const error = refusal(text);
  if (!isRollcallError(error, 'INVALID_TOKEN')) throw new Error(`${JSON.stringify(text)} was taken for a token`);
  expect(error.violations).toEqual([{ field: 'resume_token', description: expect.any(String) as string }]);
}

describe('a token', () => {
  it('comes back as it was encoded, in plain URL-safe characters', () => {
    fc.assert(
      fc.property(token, (each) => {
        const text = encodeToken(each);
        expect(text).toMatch(/^[A-Za-z0-9_-]{34}$/);
        expect(decodeToken(text, 'resume_token')).toEqual(each);
      }),
    );
  });

  it('has one text: another one that decodes to the same bytes is refused', () => {
    const text = encodeToken({ epoch: '0123456789abcdef', revision: 7, scope: NO_SCOPE });
    const last = text.at(-1)!;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const twin = `${text.slice(0, -1)}${alphabet[alphabet.indexOf(last) + 1]}`;
    expect(Buffer.from(twin, 'base64url')).toEqual(Buffer.from(text, 'base64url'));
    for (const other of [twin, `${text}=`, ` ${text}`, `${text}\n`, text.slice(0, -1), `${text}A`])
      expectRefused(other);
  });

  it('is refused when it is anything else', () => {
    expectRefused('');
    fc.assert(fc.property(fc.string({ maxLength: 60, unit: 'binary' }), (text) => expectRefused(text)));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 25, maxLength: 25 }), (bytes) => {
        bytes[0] = 2;
        expectRefused(Buffer.from(bytes).toString('base64url'));
      }),
    );
  });

  it('is refused when it is longer than any token, however long', () => {
    expectRefused('A'.repeat(LIMITS.tokenLengthMax + 1));
    expectRefused('A'.repeat(10_000_000));
  });

  it('is refused when its revision is beyond what a number holds exactly', () => {
    const bytes = Buffer.from(encodeToken({ epoch: '0123456789abcdef', revision: 0, scope: NO_SCOPE }), 'base64url');
    bytes.writeBigUInt64BE(2n ** 53n, 9);
    expectRefused(bytes.toString('base64url'));
    bytes.writeBigUInt64BE(2n ** 53n - 1n, 9);
    expect(decodeToken(bytes.toString('base64url'), 'x').revision).toBe(Number.MAX_SAFE_INTEGER);
  });
});
