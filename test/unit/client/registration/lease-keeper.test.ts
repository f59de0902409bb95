import { Connection } from '../../../../src/client/connection/connection.js';
import { dial, type Dial } from '../../../../src/client/connection/link.js';
import { LeaseKeeper } from '../../../../src/client/registration/lease-keeper.js';
import type {
  KeepAliveRequest,
  LeaseRenewal,
  RenewRequest,
  RenewResponse,
} from '../../../../src/gen/rollcall/v1/registry.js';
import { sleep } from '../../../../src/lib/sleep.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { passTime } from '../../../support/pass-time.js';
import { RecordingLogger } from '../../../support/recording-logger.js';
import { failureOf, inTurn, startScripted, type Script } from '../../../support/scripted-server.js';
import { startFaultProxy } from '../../../support/fault-proxy.js';
import { until } from '../../../support/until.js';

const noJitter = { fraction: () => 0, fill: (bytes: Uint8Array) => void bytes.fill(0) };

/** Leases of 3 s: renewed every second, without jitter. */
const TTL_MS = 3_000;

function renewed(leaseId: bigint, seconds = 3n): LeaseRenewal {
  return { leaseId, found: true, ttl: { seconds, nanos: 0 } };
}

/** Answers every message of every stream, and keeps them. */
function answeringStream(
  answer: (leaseIds: bigint[]) => LeaseRenewal[] | undefined = (ids) => ids.map((leaseId) => renewed(leaseId)),
) {
  const messages: bigint[][] = [];
  const counts = { opened: 0, ended: 0 };
  const keepAlive: Script['keepAlive'] = (call) => {
    counts.opened++;
    call.on('data', ({ leaseIds }: KeepAliveRequest) => {
      messages.push(leaseIds);
      const results = answer(leaseIds);
      if (results !== undefined) call.write({ results });
    });
    call.on('cancelled', () => counts.ended++);
    call.on('end', () => call.end());
  };
  return { keepAlive, messages, counts };
}

function keeping(address: string, { random = noJitter, others = [] as string[], connectMs = 0 } = {}) {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const slowDial: Dial = async (server, options) => {
    await sleep(clock, connectMs, options.signal);
    return dial(server, options);
  };
  const connection = new Connection({
    servers: [address, ...others],
    logger,
    clock,
    random: noJitter,
    ...(connectMs > 0 && { dial: slowDial }),
  });
  const keeper = new LeaseKeeper({ connection, clock, random, logger });
  const lost: bigint[] = [];
  return {
    clock,
    keeper,
    logger,
    lost,
    connection,
    connect: () => connection.connect(new AbortController().signal),
    keep: (leaseId: bigint, ttlMs = TTL_MS) => keeper.keep({ leaseId, ttlMs, onLost: () => lost.push(leaseId) }),
    [Symbol.dispose]() {
      keeper.close();
      connection.close();
    },
  };
}

describe('LeaseKeeper', () => {
  it('renews all leases at a third of their TTL, in one message on one stream', async () => {
    const { keepAlive, messages, counts } = answeringStream();
    await using server = await startScripted({ keepAlive });
    using kept = keeping(server.address);
    await kept.connect();
    kept.keep(1n);
    kept.keep(2n);
    await until('the stream is open', () => counts.opened === 1);
    await kept.clock.advance(999);
    expect(messages).toEqual([]);
    await passTime(kept.clock, 'ten rounds were asked for', () => messages.length === 10);
    expect(messages.every((leaseIds) => leaseIds.join() === '1,2')).toBe(true);
    expect(kept.clock.monotonicMs()).toBeGreaterThanOrEqual(10_000);
    expect(kept.clock.monotonicMs()).toBeLessThan(14_000);
    expect(counts).toEqual({ opened: 1, ended: 0 });
    expect(kept.lost).toEqual([]);
  });

  it('says which lease the server does not know, and keeps the others', async () => {
    const { keepAlive, messages } = answeringStream((ids) =>
      ids.map((leaseId) => (leaseId === 1n ? { leaseId, found: false, ttl: undefined } : renewed(leaseId))),
    );
    await using server = await startScripted({ keepAlive });
    using kept = keeping(server.address);
    kept.keep(1n);
    kept.keep(2n);
    await passTime(kept.clock, 'two rounds were asked for', () => messages.length === 2);
    expect(messages).toEqual([[1n, 2n], [2n]]);
    expect(kept.lost).toEqual([1n]);
  });

  it('ends the stream with its last lease', async () => {
    const { keepAlive, messages, counts } = answeringStream();
    await using server = await startScripted({ keepAlive });
    using kept = keeping(server.address);
    kept.keep(1n);
    await passTime(kept.clock, 'a round was asked for', () => messages.length === 1);
    kept.keeper.forget(1n);
    await passTime(kept.clock, 'the stream ended', () => counts.ended === 1);
    expect(kept.lost).toEqual([]);
  });

  it('renews by single calls where no stream can be held, and tries a stream again now and then', async () => {
    const renew = inTurn<RenewRequest, RenewResponse>({ results: [renewed(1n)] });
    let opened = 0;
    const keepAlive: Script['keepAlive'] = (call) => {
      opened++;
      call.emit('error', failureOf('INTERNAL'));
    };
    await using server = await startScripted({ keepAlive, renew });
    using kept = keeping(server.address);
    kept.keep(1n);
    await passTime(kept.clock, 'ten rounds were asked for', () => renew.requests.length === 10);
    expect(kept.clock.monotonicMs()).toBeLessThan(14_000);
    expect(opened).toBeGreaterThan(1);
    expect(kept.lost).toEqual([]);
  });

  it('does without a stream that does not answer', async () => {
    const { keepAlive, messages } = answeringStream(() => undefined);
    const renew = inTurn<RenewRequest, RenewResponse>({ results: [renewed(1n)] });
    await using server = await startScripted({ keepAlive, renew });
    using kept = keeping(server.address);
    kept.keep(1n);
    await passTime(kept.clock, 'a call was made', () => renew.requests.length === 1);
    expect(messages).toEqual([[1n]]);
    expect(kept.clock.monotonicMs()).toBeLessThan(TTL_MS);
  });

  it('takes answers that are not for what it asked as no answer', async () => {
    const { keepAlive } = answeringStream(() => [renewed(99n)]);
    const renew = inTurn<RenewRequest, RenewResponse>({ results: [] }, { results: [renewed(1n)] });
    await using server = await startScripted({ keepAlive, renew });
    using kept = keeping(server.address);
    kept.keep(1n);
    await passTime(kept.clock, 'a call was answered', () => renew.requests.length === 2);
    expect(kept.lost).toEqual([]);
    expect(kept.logger.lines[0]).toContain('cannot renew leases');
  });

  it('waits for a connection that takes longer to make than an answer may take', async () => {
    const { keepAlive, messages } = answeringStream();
    await using server = await startScripted({ keepAlive });
    using kept = keeping(server.address, { connectMs: 4_000 });
    kept.keep(1n);
    await passTime(kept.clock, 'it was renewed', () => messages.length > 0);
    expect(kept.clock.monotonicMs()).toBeLessThan(6_000);
    expect(kept.logger.lines[0]).toBe('warn: cannot renew leases: no connection within 1000 ms; trying again');
    await passTime(kept.clock, 'it is said', () => kept.logger.lines.includes('info: leases are being renewed again'));
  });

  it('renews what fell due while there was no connection in one message', async () => {
    const { keepAlive, messages } = answeringStream();
    await using server = await startScripted({ keepAlive });
    using kept = keeping(server.address, { connectMs: 4_000 });
    kept.keep(1n);
    await kept.clock.advance(500);
    kept.keep(2n);
    await passTime(kept.clock, 'they were renewed', () => messages.length > 0);
    expect(messages).toEqual([[1n, 2n]]);
  });

  it('does not connect for leases that were forgotten', async () => {
    await using server = await startScripted({});
    using kept = keeping(server.address, { connectMs: 4_000 });
    kept.keep(1n);
    await kept.clock.advance(2_000);
    kept.keeper.forget(1n);
    await kept.clock.advance(10_000);
    expect(kept.connection.link).toBeUndefined();
    expect(kept.logger.lines).toEqual(['warn: cannot renew leases: no connection within 1000 ms; trying again']);
    // What comes after is not touched by that.
    kept.keep(2n);
    await passTime(kept.clock, 'there is a connection', () => kept.connection.link !== undefined);
  });

  it.each(['by a stream', 'by single calls'])('does not wait behind the calls of the application, %s', async (how) => {
    const { keepAlive, messages } = answeringStream();
    const renew = inTurn<RenewRequest, RenewResponse>({ results: [renewed(1n)] });
    const streamless: Script['keepAlive'] = (call) => call.emit('error', failureOf('LIMIT_EXCEEDED'));
    let asked = 0;
    const listServices = () => void asked++;
    await using server = await startScripted(
      how === 'by a stream' ? { keepAlive, listServices } : { keepAlive: streamless, renew, listServices },
    );
    using kept = keeping(server.address);
    const calls = Array.from({ length: 200 }, () =>
      kept.connection.call(
        ({ discovery }, ended) =>
          discovery.listServices({ namespace: '', pageSize: 0, pageToken: '', minToken: '' }, { signal: ended }),
        { timeoutMs: Infinity },
      ),
    );
    await until('as many calls as may be are under way', () => asked === 128);
    kept.keep(1n);
    await passTime(kept.clock, 'it was renewed', () => messages.length + renew.requests.length > 0);
    expect(kept.clock.monotonicMs()).toBeLessThan(TTL_MS);
    kept.connection.close();
    await Promise.allSettled(calls);
  });

  it('leaves a server that is none of Rollcall', async () => {
    const { keepAlive, messages } = answeringStream();
    await using wrong = await startScripted({});
    await using right = await startScripted({ keepAlive });
    using kept = keeping(wrong.address, { others: [right.address] });
    kept.keep(1n);
    await passTime(kept.clock, 'the right server was asked', () => messages.length > 0);
    expect(kept.clock.monotonicMs()).toBeLessThan(TTL_MS);
  });

  it('stays where only the stream cannot be held', async () => {
    const renew = inTurn<RenewRequest, RenewResponse>({ results: [renewed(1n)] });
    await using streamless = await startScripted({ renew });
    await using other = await startScripted({ renew });
    using kept = keeping(streamless.address, { others: [other.address] });
    const link = await kept.connect();
    kept.keep(1n);
    await passTime(kept.clock, 'it was renewed', () => renew.requests.length > 2);
    expect(kept.connection.link).toBe(link);
  });

  it('goes on after an outage, however long: only the server says that a lease is lost', async () => {
    const { keepAlive, messages } = answeringStream();
    const server = await startScripted({ keepAlive });
    using kept = keeping(server.address);
    kept.keep(1n);
    await passTime(kept.clock, 'a round was asked for', () => messages.length === 1);
    server.kill();
    await passTime(kept.clock, 'ten TTLs have passed', () => kept.clock.monotonicMs() > 10 * TTL_MS);
    expect(kept.lost).toEqual([]);
    await using again = await startScripted({ keepAlive }, server.address);
    expect(again.address).toBe(server.address);
    await passTime(kept.clock, 'another round was asked for', () => messages.length > 1);
    await passTime(kept.clock, 'it is said', () => kept.logger.lines.includes('info: leases are being renewed again'));
    expect(kept.logger.lines.filter((line) => line.includes('cannot renew leases'))).toHaveLength(1);
  });
});

describe('leases whose connection changes', () => {
  const HOUR_MS = 3_600_000;

  const hourly = () => answeringStream((ids) => ids.map((leaseId) => renewed(leaseId, 3_600n)));

  /** As late as chance allows. */
  const latest = { ...noJitter, fraction: () => 0.999 };

  /** A lease of an hour, over a stream that is open. */
  async function keepAnHour(address: string, counts: { opened: number }, others: string[] = []) {
    const kept = keeping(address, { random: latest, others });
    await kept.connect();
    const before = counts.opened;
    kept.keep(1n, HOUR_MS);
    await until('the stream is open', () => counts.opened > before);
    return kept;
  }

  /** Nothing is sent before, and all is renewed within 2 s of the fake clock once it may be. */
  async function expectRenewedSoon(clock: FakeClock, renewals: () => number): Promise<void> {
    const beganMs = clock.monotonicMs();
    await passTime(clock, 'the lease was renewed', () => renewals() > 0, 50);
    expect(clock.monotonicMs() - beganMs).toBeLessThanOrEqual(2_200);
    // With that it is done, until the next third of the TTL.
    await passTime(clock, 'a minute has passed', () => clock.monotonicMs() > beganMs + 60_000, 500);
    expect(renewals()).toBe(1);
  }

  it('are renewed soon after it was lost, with a new one made for that alone', async () => {
    const { keepAlive, messages, counts } = hourly();
    await using server = await startScripted({ keepAlive });
    await using proxy = await startFaultProxy(server.address);
    using kept = await keepAnHour(proxy.address, counts);
    await kept.clock.advance(600_000);
    expect(messages).toEqual([]);
    proxy.sever();
    await until('the loss is known', () => kept.connection.link === undefined);
    await expectRenewedSoon(kept.clock, () => messages.length);
    expect(kept.lost).toEqual([]);
  });

  it('are renewed soon after the server came back', async () => {
    const { keepAlive, messages, counts } = hourly();
    const server = await startScripted({ keepAlive });
    using kept = await keepAnHour(server.address, counts);
    server.kill();
    await passTime(kept.clock, 'minutes have passed', () => kept.clock.monotonicMs() > 180_000, 1_000);
    await using again = await startScripted({ keepAlive }, server.address);
    expect(again.address).toBe(server.address);
    // Two pauses come in a row at worst: that of the connection, and that after a renewal that failed.
    const beganMs = kept.clock.monotonicMs();
    await passTime(kept.clock, 'the lease was renewed', () => messages.length > 0, 50);
    expect(kept.clock.monotonicMs() - beganMs).toBeLessThanOrEqual(4_200);
  });

  it('are renewed soon after the server said that it goes away', async () => {
    const going = hourly();
    let leave: (() => void) | undefined;
    await using first = await startScripted({
      keepAlive: (call) => {
        going.keepAlive(call);
        leave = () => void call.emit('error', failureOf('SHUTTING_DOWN'));
      },
    });
    const { keepAlive, messages } = hourly();
    await using second = await startScripted({ keepAlive });
    using kept = await keepAnHour(first.address, going.counts, [second.address]);
    leave?.();
    await until('the server is left', () => kept.connection.link === undefined);
    await expectRenewedSoon(kept.clock, () => messages.length);
    expect(going.messages).toEqual([]);
  });

  it('are renewed soon after something else made the client go to another server', async () => {
    const { keepAlive: firstKeepAlive, counts } = hourly();
    await using first = await startScripted({ keepAlive: firstKeepAlive });
    const { keepAlive, messages } = hourly();
    await using second = await startScripted({ keepAlive });
    using kept = await keepAnHour(first.address, counts, [second.address]);
    kept.connection.leave(await kept.connect());
    await kept.connect();
    await expectRenewedSoon(kept.clock, () => messages.length);
    await until('the stream at the first server has ended', () => counts.ended === 1);
  });

  it('are renewed soon by single calls where no stream can be held', async () => {
    const renew = inTurn<RenewRequest, RenewResponse>({ results: [renewed(1n, 3_600n)] });
    const counts = { opened: 0 };
    const keepAlive: Script['keepAlive'] = (call) => {
      counts.opened++;
      call.emit('error', failureOf('LIMIT_EXCEEDED'));
    };
    await using server = await startScripted({ keepAlive, renew });
    await using proxy = await startFaultProxy(server.address);
    using kept = await keepAnHour(proxy.address, counts);
    await passTime(kept.clock, 'the stream that broke has been made up for', () => renew.requests.length === 1);
    proxy.sever();
    await until('the loss is known', () => kept.connection.link === undefined);
    await passTime(kept.clock, 'the lease was renewed', () => renew.requests.length > 1, 50);
    expect(kept.clock.monotonicMs()).toBeLessThan(10_000);
  });

  it('are renewed once more where the answer came from a server that was left meanwhile', async () => {
    let answer: (() => void) | undefined;
    const streamless: Script['keepAlive'] = (call) => call.emit('error', failureOf('LIMIT_EXCEEDED'));
    await using first = await startScripted({
      keepAlive: streamless,
      renew: (_call, callback) => {
        answer = () => callback(null, { results: [renewed(1n, 3_600n)] });
      },
    });
    const renew = inTurn<RenewRequest, RenewResponse>({ results: [renewed(1n, 3_600n)] });
    await using second = await startScripted({ keepAlive: streamless, renew });
    using kept = keeping(first.address, { random: latest, others: [second.address] });
    const link = await kept.connect();
    kept.keep(1n, HOUR_MS);
    await passTime(kept.clock, 'the first server was asked', () => answer !== undefined);
    kept.connection.leave(link);
    answer?.();
    await passTime(kept.clock, 'the second server was asked', () => renew.requests.length > 0);
    expect(kept.clock.monotonicMs()).toBeLessThan(10_000);
  });

  it('are renewed at different moments by clients that lost it together', async () => {
    const { keepAlive, messages, counts } = hourly();
    await using server = await startScripted({ keepAlive });
    await using proxy = await startFaultProxy(server.address);
    const early = { ...noJitter, fraction: () => 0.25 };
    using kept = keeping(proxy.address, { random: early });
    await kept.connect();
    kept.keep(1n, HOUR_MS);
    await until('the stream is open', () => counts.opened === 1);
    proxy.sever();
    await until('the loss is known', () => kept.connection.link === undefined);
    await kept.clock.advance(499);
    expect(kept.connection.link).toBeUndefined();
    await kept.clock.advance(1);
    await until('the lease was renewed', () => messages.length === 1);
  });
});
