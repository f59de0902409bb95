import { dialOrder } from '../../../../src/client/connection/dial-order.js';

const servers = ['a', 'b', 'c'];

describe('dialOrder', () => {
  it('is that of the servers when none was used yet', () => {
    expect(dialOrder({ servers, alternates: [], last: undefined })).toEqual(['a', 'b', 'c']);
  });

  it('goes on behind the server used last, and comes back to it at the end', () => {
    expect(dialOrder({ servers, alternates: [], last: 'b' })).toEqual(['c', 'a', 'b']);
  });

  it('tries alternates after the configured servers, each once', () => {
    expect(dialOrder({ servers, alternates: ['x', 'a', 'x'], last: 'c' })).toEqual(['a', 'b', 'x', 'c']);
  });

  it('tries the configured servers first after an alternate', () => {
    expect(dialOrder({ servers, alternates: ['x', 'y'], last: 'x' })).toEqual(['a', 'b', 'c', 'y', 'x']);
  });

  it('names the only server there is', () => {
    expect(dialOrder({ servers: ['a'], alternates: [], last: 'a' })).toEqual(['a']);
  });
});
