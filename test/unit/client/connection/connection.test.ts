import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Connection } from '../../../../src/client/connection/connection.js';
import type { Link } from '../../../../src/client/connection/link.js';
import { RollcallError } from '../../../../src/core/errors.js';
import type { RenewRequest, RenewResponse } from '../../../../src/gen/rollcall/v1/registry.js';
import { systemClock, type Clock } from '../../../../src/lib/clock.js';
import { orAbort } from '../../../../src/lib/linked-abort.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { passTime } from '../../../support/pass-time.js';
import { RecordingLogger } from '../../../support/recording-logger.js';
import { failureOf, inTurn, startScripted } from '../../../support/scripted-server.js';
import { startFaultProxy } from '../../../support/fault-proxy.js';
import { until, within } from '../../../support/until.js';

/** Nothing listens there, and nothing can. */
const NOWHERE = '127.0.0.1:1';

/** Always the first of the servers, and no time between attempts. */
const noJitter = { fraction: () => 0, fill: (bytes: Uint8Array) => void bytes.fill(0) };

const renew = inTurn<RenewRequest, RenewResponse>;

const renewCall = (link: Link, signal: AbortSignal) => link.registry.renew({ leaseIds: [7n] }, { signal });

let connections: Connection[] = [];
afterEach(() => {
  for (const connection of connections) connection.close();
  connections = [];
});

function connectTo(servers: string[], { clock = systemClock }: { clock?: Clock } = {}) {
  const logger = new RecordingLogger();
  const connection = new Connection({ servers, logger, clock, random: noJitter });
  connections.push(connection);
  return { connection, logger };
}

/** Accepts connections and never says a word. */
async function startMute(): Promise<{ address: string; accepted: () => number } & AsyncDisposable> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined).resume());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    accepted: () => sockets.length,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const signal = new AbortController().signal;

describe('connecting', () => {
  it('goes to the next server when one refuses', async () => {
    await using server = await startScripted({});
    const { connection, logger } = connectTo([NOWHERE, server.address]);
    expect((await connection.connect(signal)).address).toBe(server.address);
    expect(logger.lines).toEqual([
      `warn: cannot connect: ${NOWHERE}: connect ECONNREFUSED ${NOWHERE}`,
      `info: connected to ${server.address}`,
    ]);
  });

  it('gives up a server that accepts the connection and says nothing, after 5 s', async () => {
    await using mute = await startMute();
    await using server = await startScripted({});
    const clock = new FakeClock();
    const { connection } = connectTo([mute.address, server.address], { clock });
    const connecting = connection.connect(signal);
    await until('the mute server was called', () => mute.accepted() > 0);
    await clock.advance(5_000);
    // Well before nice-grpc’s own 5 s, by the real clock.
    expect((await within('it goes elsewhere', connecting, 2_500)).address).toBe(server.address);
  });

  it('is done once for all who want it, and keeps the connection', async () => {
    await using server = await startScripted({});
    const { connection } = connectTo([server.address]);
    const [one, other] = await Promise.all([connection.connect(signal), connection.connect(signal)]);
    expect(other).toBe(one);
    expect(await connection.connect(signal)).toBe(one);
  });

  it('is begun anew when all who wanted it gave up, and somebody wants it again', async () => {
    await using mute = await startMute();
    const { connection } = connectTo([mute.address]);
    const impatient = new AbortController();
    const first = connection.connect(impatient.signal);
    await until('the first attempt is under way', () => mute.accepted() === 1);
    impatient.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    const second = connection.connect(signal);
    await until('the second attempt is under way', () => mute.accepted() === 2);
    connection.close();
    await expect(second).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
  });

  it('goes on trying until a server is there', async () => {
    await using server = await startScripted({});
    const { address } = server;
    server.kill();
    const { connection } = connectTo([address]);
    const connecting = connection.connect(signal);
    await using again = await startScripted({}, address);
    expect((await connecting).address).toBe(again.address);
  });

  it('happens anew after the connection was lost', async () => {
    await using server = await startScripted({});
    await using proxy = await startFaultProxy(server.address);
    const { connection } = connectTo([proxy.address]);
    const first = await connection.connect(signal);
    proxy.sever();
    await until('there is another connection', async () => (await connection.connect(signal)) !== first);
  });
});

describe('a call', () => {
  it('is repeated while it fails in a way that may pass', async () => {
    const script = renew(failureOf('CONTENDED'), failureOf('STORE_UNAVAILABLE'), { results: [] });
    await using server = await startScripted({ renew: script });
    const { connection } = connectTo([server.address]);
    await expect(connection.call(renewCall, { timeoutMs: 10_000 })).resolves.toEqual({ results: [] });
    expect(script.requests).toEqual([{ leaseIds: [7n] }, { leaseIds: [7n] }, { leaseIds: [7n] }]);
  });

  it('is not repeated when that cannot help, elsewhere neither', async () => {
    const script = renew(failureOf('LIMIT_EXCEEDED', 'too many'));
    await using server = await startScripted({ renew: script });
    await using other = await startScripted({ renew: renew({ results: [] }) });
    const { connection } = connectTo([server.address, other.address]);
    const call = connection.call(renewCall, { timeoutMs: 10_000 });
    await expect(call).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED', message: 'too many' });
    expect(script.requests).toHaveLength(1);
  });

  it.each(['SHUTTING_DOWN', 'REVISION_UNAVAILABLE', 'STORE_UNAVAILABLE', 'OVERLOADED'] as const)(
    'refused with %s goes to another server',
    async (reason) => {
      await using refusing = await startScripted({ renew: renew(failureOf(reason)) });
      await using willing = await startScripted({ renew: renew({ results: [] }) });
      const { connection } = connectTo([refusing.address, willing.address]);
      await connection.call(renewCall, { timeoutMs: 10_000 });
      expect((await connection.connect(signal)).address).toBe(willing.address);
    },
  );

  it('answered as no Rollcall server does is made at another server', async () => {
    await using wrong = await startScripted({});
    await using right = await startScripted({ renew: renew({ results: [] }) });
    const { connection } = connectTo([wrong.address, right.address]);
    await expect(connection.call(renewCall, { timeoutMs: 10_000 })).resolves.toEqual({ results: [] });
    expect((await connection.connect(signal)).address).toBe(right.address);
  });

  it('answered as no Rollcall server does by all servers fails once each was asked', async () => {
    const scripts = [1, 2, 3].map((n) => renew(failureOf('INTERNAL', `defect ${n}`)));
    const servers = await Promise.all(scripts.map((script) => startScripted({ renew: script })));
    const { connection } = connectTo([...servers.map(({ address }) => address), NOWHERE]);
    const call = connection.call(renewCall, { timeoutMs: 10_000 });
    await expect(call).rejects.toMatchObject({ reason: 'INTERNAL' });
    // The first once more: only then is it known that no other one can be reached.
    expect(scripts.map(({ requests }) => requests.length)).toEqual([2, 1, 1]);
    for (const server of servers) server.kill();
  });

  it('answered as no Rollcall server does by the only server is not repeated', async () => {
    const script = renew(failureOf('INTERNAL'));
    await using server = await startScripted({ renew: script });
    const { connection } = connectTo([server.address]);
    const link = await connection.connect(signal);
    await expect(connection.call(renewCall, { timeoutMs: 10_000 })).rejects.toMatchObject({ reason: 'INTERNAL' });
    expect(script.requests).toHaveLength(1);
    expect(connection.link).toBe(link);
  });

  it('that waited for its turn is made on the connection that there is then', async () => {
    const hanging: (() => void)[] = [];
    await using first = await startScripted({
      renew: (_call, callback) => void hanging.push(() => callback(null, { results: [] })),
    });
    const script = renew({ results: [] });
    await using second = await startScripted({ renew: script });
    const { connection } = connectTo([first.address, second.address]);
    const calls = Array.from({ length: 129 }, () => connection.call(renewCall, { timeoutMs: 10_000 }));
    await until('all but one are under way', () => hanging.length === 128);
    connection.leave(await connection.connect(signal));
    hanging[0]?.();
    await until('the last was made at the other server', () => script.requests.length === 1);
    for (const answer of hanging) answer();
    await Promise.all(calls);
  });

  it('need not wait for its turn where it must not come late', async () => {
    let asked = 0;
    await using server = await startScripted({
      renew: (_call, callback) => void (++asked > 128 && callback(null, { results: [] })),
    });
    const { connection } = connectTo([server.address]);
    const calls = Array.from({ length: 200 }, () => connection.call(renewCall, { timeoutMs: Infinity }));
    await until('as many as may be are under way', () => asked === 128);
    const link = await connection.connect(signal);
    await expect(connection.attempt(link, renewCall, { timeoutMs: 10_000 })).resolves.toEqual({ results: [] });
    connection.close();
    await Promise.allSettled(calls);
  });

  it('whose answer is there when a blocked event loop turns again is not late', async () => {
    await using server = await startScripted({});
    const clock = new FakeClock({ soonByItself: false });
    const { connection } = connectTo([server.address], { clock });
    await connection.connect(signal);
    for (const limits of [{ timeoutMs: 5_000 }, { timeoutMs: 60_000 }]) {
      let answer: (() => void) | undefined;
      const answered = new Promise<void>((resolve) => (answer = resolve));
      const call = connection.call((_link, ended) => orAbort(answered, ended), limits);
      await until('it was asked', () => answer !== undefined);
      clock.spend(6_000);
      clock.fireNext(clock.monotonicMs());
      answer?.();
      await clock.settle();
      await expect(call).resolves.toBeUndefined();
    }
  });

  it('that is not answered for 5 s goes to another server', async () => {
    let asked = 0;
    await using silent = await startScripted({ renew: () => void asked++ });
    await using willing = await startScripted({ renew: renew({ results: [] }) });
    const clock = new FakeClock();
    const { connection } = connectTo([silent.address, willing.address], { clock });
    const call = connection.call(renewCall, { timeoutMs: 60_000 });
    await until('the silent server was asked', () => asked === 1);
    await clock.advance(5_000);
    // The delay before the second attempt is none, but a timer all the same.
    await until('the other server answered', async () => {
      await clock.advance(1);
      return (await connection.connect(signal)).address === willing.address;
    });
    await expect(call).resolves.toEqual({ results: [] });
  });

  it('whose time is up fails with what used it up', async () => {
    const { connection } = connectTo([NOWHERE]);
    const call = connection.call(renewCall, { timeoutMs: 50 });
    await expect(call).rejects.toMatchObject({
      reason: 'SERVER_UNREACHABLE',
      message: `${NOWHERE}: connect ECONNREFUSED ${NOWHERE}`,
    });
  });

  it('whose time is up without any answer timed out', async () => {
    await using silent = await startScripted({ renew: () => undefined });
    const { connection } = connectTo([silent.address]);
    await expect(connection.call(renewCall, { timeoutMs: 50 })).rejects.toMatchObject({ reason: 'TIMED_OUT' });
  });

  it('ends with the reason of its signal, and cancels what it had asked', async () => {
    let cancelled = false;
    let asked = false;
    await using silent = await startScripted({
      renew: (call) => {
        asked = true;
        call.on('cancelled', () => (cancelled = true));
      },
    });
    const { connection } = connectTo([silent.address]);
    const controller = new AbortController();
    const call = connection.call(renewCall, { timeoutMs: Infinity, signal: controller.signal });
    await until('the server was asked', () => asked);
    controller.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    await until('the server knows', () => cancelled);
  });

  it('fails with CLIENT_CLOSED when the connection is closed, and ever after', async () => {
    await using silent = await startScripted({ renew: () => undefined });
    const { connection } = connectTo([silent.address]);
    const call = connection.call(renewCall, { timeoutMs: Infinity });
    connection.close();
    connection.close();
    await expect(call).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
    await expect(connection.call(renewCall, { timeoutMs: 1 })).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
    await expect(connection.connect(signal)).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
  });
});

describe('why no server can be reached', () => {
  it('is told while one is sought, and not of a search that was given up long ago', async () => {
    await using mute = await startMute();
    const { connection } = connectTo([NOWHERE, mute.address]);
    expect(connection.failure).toBeUndefined();
    await expect(connection.call(renewCall, { timeoutMs: 50 })).rejects.toMatchObject({ reason: 'SERVER_UNREACHABLE' });
    expect(connection.failure).toBeUndefined();
    const seeking = connection.connect(signal).catch((error: unknown) => error);
    expect(connection.failure).toBeUndefined();
    await until('it is known again', () => connection.failure?.message.startsWith(NOWHERE));
    connection.close();
    expect(await seeking).toMatchObject({ reason: 'CLIENT_CLOSED' });
  });
});

describe('leaving a server', () => {
  it('goes to the next one in turn, and lets streams that are open run to their end', async () => {
    let write: (() => void) | undefined;
    await using first = await startScripted({
      keepAlive: (call) => {
        call.on('data', () => undefined);
        call.on('end', () => call.end());
        write = () => {
          call.write({ results: [] });
          call.end();
        };
      },
    });
    await using second = await startScripted({});
    const { connection } = connectTo([first.address, second.address]);
    const link = await connection.connect(signal);
    const responses = link.registry.keepAlive(neverAnything())[Symbol.asyncIterator]();
    const response = responses.next();
    await until('the stream is open', () => write !== undefined);
    connection.leave(link);
    expect((await connection.connect(signal)).address).toBe(second.address);
    write?.();
    await expect(response).resolves.toEqual({ done: false, value: { results: [] } });
    await expect(responses.next()).resolves.toMatchObject({ done: true });
  });

  it('tries the alternates that were named when no configured server is left', async () => {
    await using first = await startScripted({});
    await using alternate = await startScripted({});
    const [host = '', port] = alternate.address.split(':');
    const { connection } = connectTo([first.address]);
    connection.leave(await connection.connect(signal), [{ host, port: Number(port) }]);
    expect((await connection.connect(signal)).address).toBe(alternate.address);
  });

  it('comes back to it when there is no other', async () => {
    await using only = await startScripted({});
    const { connection } = connectTo([only.address]);
    const link = await connection.connect(signal);
    connection.leave(link);
    const again = await connection.connect(signal);
    expect(again).not.toBe(link);
    expect(again.address).toBe(only.address);
  });

  it('does not follow from errors that say nothing against the server', async () => {
    await using server = await startScripted({});
    await using other = await startScripted({});
    const { connection } = connectTo([server.address, other.address]);
    const link = await connection.connect(signal);
    connection.blame(link, new RollcallError('LEASE_MISMATCH', 'x'));
    expect(await connection.connect(signal)).toBe(link);
  });
});

describe('many clients', () => {
  /** Numbers that look random, the same in each run. */
  function seeded(seed: number) {
    let state = seed;
    const fraction = () => {
      // Of Numerical Recipes; only the high bits of it are any good.
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (state >>> 8) / 2 ** 24;
    };
    return { ...noJitter, fraction };
  }

  it('spread over three servers, at first and when one of them goes', async () => {
    const servers = await Promise.all([startScripted({}), startScripted({}), startScripted({})]);
    const addresses = servers.map(({ address }) => address);
    const random = seeded(7);
    const crowd = Array.from({ length: 60 }, () => {
      const connection = new Connection({
        servers: addresses,
        logger: new RecordingLogger(),
        clock: systemClock,
        random,
      });
      connections.push(connection);
      return connection;
    });
    const connectedTo = async () => {
      const links = await Promise.all(crowd.map((connection) => connection.connect(new AbortController().signal)));
      return addresses.map((address) => links.filter((link) => link.address === address).length);
    };
    const before = await connectedTo();
    expect(Math.max(...before)).toBeLessThanOrEqual(30);
    servers[0].kill();
    await until('all have lost the first', () => crowd.every(({ link }) => link?.address !== addresses[0]));
    const after = await connectedTo();
    expect(after[0]).toBe(0);
    expect(Math.max(...after)).toBeLessThanOrEqual(40);
    for (const server of servers) server.kill();
  });

  it('that cannot connect wait for a time drawn from all of the interval before they try again', async () => {
    const clock = new FakeClock();
    const attempts: number[] = [];
    const note = () => void attempts.push(clock.monotonicMs());
    const logger = { info() {}, error() {}, warn: note, debug: note };
    const fractions = [0, 0.5, 0.25, 0.999, 0.999, 0.999];
    const random = { ...noJitter, fraction: () => fractions.shift() ?? 0.999 };
    const connection = new Connection({ servers: [NOWHERE], logger, clock, random });
    connections.push(connection);
    const failed = connection.connect(signal).catch((error: unknown) => error);
    await passTime(clock, 'six attempts were made', () => attempts.length === 6, 10);
    connection.close();
    expect(await failed).toMatchObject({ reason: 'CLIENT_CLOSED' });
    const pauses = attempts.slice(1).map((atMs, index) => atMs - (attempts[index] as number));
    // Half of 200 ms, a quarter of 400, then all of 800, 1,600 and at last 2,000; and the time of the attempts, in steps.
    [100, 100, 800, 1_600, 2_000].forEach((pauseMs, index) => {
      expect(pauses[index]).toBeGreaterThanOrEqual(pauseMs - 10);
      expect(pauses[index]).toBeLessThanOrEqual(pauseMs + 200);
    });
  });
});

it('refuses addresses that are none', () => {
  expect(() => connectTo([])).toThrow('servers: at least one is required');
  expect(() => connectTo(['a:1', 'b:x'])).toThrow('servers[1]: must be host:port');
});

/** A stream of requests that stays open. */
function neverAnything(): AsyncIterable<never> {
  return { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
}
