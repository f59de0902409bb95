import { Connection } from '../../../src/client/connection.js';
import { LeaseKeeper } from '../../../src/client/lease-keeper.js';
import type {
  KeepAliveRequest,
  LeaseRenewal,
  RenewRequest,
  RenewResponse,
} from '../../../src/gen/rollcall/v1/registry.js';
import { FakeClock } from '../../support/fake-clock.js';
import { passTime } from '../../support/pass-time.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { failureOf, inTurn, startScripted, type Script } from '../../support/scripted-server.js';

const noJitter = { fraction: () => 0, fill: (bytes: Uint8Array) => void bytes.fill(0) };

/** Leases of 3 s: renewed every second, without jitter. */
const TTL_MS = 3_000;

function renewed(leaseId: bigint): LeaseRenewal {
  return { leaseId, found: true, ttl: { seconds: 3n, nanos: 0 } };
}

/** Answers every message of every stream, and keeps them. */
function answeringStream(answer: (leaseIds: bigint[]) => LeaseRenewal[] | undefined = (ids) => ids.map(renewed)) {
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

function keeping(address: string) {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const connection = new Connection({ servers: [address], logger, clock, random: noJitter });
  const keeper = new LeaseKeeper({ connection, clock, random: noJitter, logger });
  const lost: bigint[] = [];
  return {
    clock,
    keeper,
    logger,
    lost,
    keep: (leaseId: bigint) => keeper.keep({ leaseId, ttlMs: TTL_MS, onLost: () => lost.push(leaseId) }),
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
    kept.keep(1n);
    kept.keep(2n);
    await kept.clock.advance(999);
    expect(counts.opened).toBe(0);
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
