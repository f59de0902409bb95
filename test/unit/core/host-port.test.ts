import { formatHostPort, parseHostPort } from '../../../src/core/host-port.js';

describe('parseHostPort', () => {
  it.each([
    ['10.0.0.7:80', { host: '10.0.0.7', port: 80 }],
    ['db-1.internal:65535', { host: 'db-1.internal', port: 65_535 }],
    ['[2001:db8::1]:80', { host: '2001:db8::1', port: 80 }],
  ])('reads %s, and formatHostPort writes it again', (text, address) => {
    expect(parseHostPort(text, 'x')).toEqual(address);
    expect(formatHostPort(address)).toBe(text);
  });

  it('takes the default port where the text has none', () => {
    expect(parseHostPort('localhost', 'x', 7400)).toEqual({ host: 'localhost', port: 7400 });
    expect(parseHostPort('[::1]', 'x', 7400)).toEqual({ host: '::1', port: 7400 });
  });

  it.each(['', ':80', 'a:', 'a:0', 'a:65536', 'a:b', '::1:80', 'a:1:2', '[::1', '[]:1', 'a:1 '])(
    'refuses %j',
    (text) => {
      expect(() => parseHostPort(text, 'servers[1]')).toThrow('servers[1]: must be host:port');
    },
  );

  it('refuses a missing port when there is no default', () => {
    expect(() => parseHostPort('a', 'x')).toThrow('x: must be host:port');
  });
});
