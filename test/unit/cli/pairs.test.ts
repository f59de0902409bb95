import { collect, collectPair } from '../../../src/cli/pairs.js';

describe('collectPair', () => {
  it('reads KEY=VALUE, where VALUE may be empty and hold =', () => {
    expect(collectPair('c=', collectPair('b=x=y', collectPair('a=1')))).toEqual({ a: '1', b: 'x=y', c: '' });
  });

  it('takes the last of several values of one key', () => {
    expect(collectPair('a=2', { a: '1' })).toEqual({ a: '2' });
  });

  it.each(['a', '=1', ''])('refuses %j', (text) => {
    expect(() => collectPair(text)).toThrow('It must be KEY=VALUE.');
  });
});

describe('collect', () => {
  it('gathers what is repeated', () => {
    expect(collect('b', collect('a'))).toEqual(['a', 'b']);
  });
});
