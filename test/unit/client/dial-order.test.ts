import { dialOrder } from '../../../src/client/dial-order.js';

const servers = ['a', 'b', 'c'];

describe('dialOrder', () => {
  it('begins where chance says when no server was used yet', () => {
    expect(dialOrder({ servers, alternates: [], last: undefined, start: 1 })).toEqual(['b', 'c', 'a']);
  });

  it('goes on behind the server used last, and comes back to it at the end', () => {
    expect(dialOrder({ servers, alternates: [], last: 'b', start: 0 })).toEqual(['c', 'a', 'b']);
  });

  it('tries alternates after the configured servers, each once', () => {
    expect(dialOrder({ servers, alternates: ['x', 'a', 'x'], last: 'c', start: 0 })).toEqual(['a', 'b', 'x', 'c']);
  });

  it('tries the configured servers first after an alternate', () => {
    expect(dialOrder({ servers, alternates: ['x', 'y'], last: 'x', start: 2 })).toEqual(['c', 'a', 'b', 'y', 'x']);
  });

  it('names the only server there is', () => {
    expect(dialOrder({ servers: ['a'], alternates: [], last: 'a', start: 0 })).toEqual(['a']);
  });
});
