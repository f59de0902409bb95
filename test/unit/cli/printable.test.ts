import { printable } from '../../../src/cli/printable.js';

describe('printable', () => {
  it('leaves text as it is', () => {
    expect(printable('payments v1 – größer 名前 🙂')).toBe('payments v1 – größer 名前 🙂');
  });

  it.each([
    ['\u001b[31mred', '\\u001b[31mred'],
    ['a\nb\tc\r', 'a\\u000ab\\u0009c\\u000d'],
    ['\u009b2J', '\\u009b2J'],
    ['abc\u202ecba', 'abc\\u202ecba'],
    ['a\u200bb', 'a\\u200bb'],
  ])('shows what would move the cursor or reorder text: %j', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });
});
