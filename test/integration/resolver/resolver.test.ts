import { Health, RollcallClient } from '../../../src/client/index.js';
import { registerRollcallResolver } from '../../../src/resolver/index.js';
import { Caller, startGreeter } from '../../support/greeter.js';
import { startInProcess } from '../../support/in-process-server.js';
import { until } from '../../support/until.js';

describe('a channel to rollcall:///SERVICE', () => {
  it('calls what is registered, follows what changes, and leaves what drains', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    using _ = registerRollcallResolver(client);
    await using a = await startGreeter('a');
    await using b = await startGreeter('b');
    const first = await client.register({ service: 'greeter', id: 'a', addresses: [a.address] });
    using caller = new Caller('rollcall:///greeter');
    expect(await caller.call()).toBe('a');
    await client.register({ service: 'greeter', id: 'b', addresses: [b.address] });
    await until('b is called', async () => (await caller.call()) === 'b');
    await first.update({ health: Health.DRAINING });
    await until('a is left', async () => [...(await caller.tally(6)).keys()].join(' ') === 'b');
  });

  it('fails calls at once when the service is known to be empty, and says so; others wait if they asked to', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    using _ = registerRollcallResolver(client);
    using caller = new Caller('rollcall:///greeter');
    await expect(caller.call()).rejects.toMatchObject({
      code: 14,
      details: expect.stringContaining('rollcall: greeter has no endpoints'),
    });
    const waiting = caller.call({ waitForReady: true });
    await using a = await startGreeter('a');
    await client.register({ service: 'greeter', addresses: [a.address] });
    expect(await waiting).toBe('a');
  });

  it('goes on calling when the registry is gone', async () => {
    const server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address], callTimeoutMs: 500 });
    using _ = registerRollcallResolver(client);
    await using a = await startGreeter('a');
    await client.register({ service: 'greeter', addresses: [a.address] });
    using caller = new Caller('rollcall:///greeter');
    await caller.call();
    await server[Symbol.asyncDispose]();
    expect(await caller.tally(50)).toEqual(new Map([['a', 50]]));
  });
});
