import type { ServerDuplexStream } from '@grpc/grpc-js';
import { createChannel } from 'nice-grpc';
import { clientFactory } from '../../../../src/client/connection/link.js';
import { SharedWatches } from '../../../../src/client/connection/shared-watches.js';
import { RollcallError, type Reason } from '../../../../src/core/errors.js';
import {
  DiscoveryServiceService,
  WatchRequest,
  WatchResponse,
  type WatchManyEvent,
  type WatchManyRequest,
  type WatchManyResponse,
} from '../../../../src/gen/rollcall/v1/discovery.js';
import { toStatusBytes } from '../../../../src/rpc/error-map.js';
import { failureOf, startScripted, type Script } from '../../../support/scripted-server.js';
import { checkpointMessage, scriptedWatch } from '../../../support/scripted-watch.js';
import { until } from '../../../support/until.js';

type ManyCall = ServerDuplexStream<WatchManyRequest, WatchManyResponse>;

/** A server whose calls of WatchMany a test answers, with a client of it. */
async function stage(script: Script = {}) {
  const calls: ManyCall[] = [];
  const commands: string[] = [];
  const ended: ManyCall[] = [];
  const watchMany: Script['watchMany'] = (call) => {
    calls.push(call);
    call.on('data', ({ command }: WatchManyRequest) => commands.push(`${command?.$case} ${command?.value.watchId}`));
    call.on('cancelled', () => ended.push(call));
  };
  const server = await startScripted({ watchMany, ...script });
  const channel = createChannel(server.address);
  const watches = new SharedWatches(clientFactory.create(DiscoveryServiceService, channel));
  const aborts: AbortController[] = [];
  const begin = (service: string) => {
    const abort = new AbortController();
    aborts.push(abort);
    const iterator = watches.watch(WatchRequest.fromPartial({ service }), { signal: abort.signal });
    return { abort, iterator, next: iterator.next() };
  };
  const close = async () => {
    for (const abort of aborts) abort.abort();
    channel.close();
    await server[Symbol.asyncDispose]();
  };
  return { calls, commands, ended, begin, server, [Symbol.asyncDispose]: close };
}

const told = (watchId: number, revision: number): WatchManyEvent => ({
  watchId,
  event: {
    $case: 'response',
    value: WatchResponse.fromPartial({ revision, event: { $case: 'checkpoint', value: {} } }),
  },
});
const endedBy = (watchId: number, reason: Reason): WatchManyEvent => ({
  watchId,
  event: {
    $case: 'status',
    value: toStatusBytes(new RollcallError(reason, 'as the script says'), '', () => undefined),
  },
});
const revisionOf = (result: IteratorResult<WatchResponse, void>) => result.value?.revision;

describe('SharedWatches', () => {
  it('has one stream for all, on which each gets what it is told', async () => {
    await using on = await stage();
    const [a, b] = [on.begin('a'), on.begin('b')];
    await until('both were asked for', () => on.commands.length === 2);
    on.calls[0]!.write({ events: [told(1, 10), told(0, 20)] });
    expect(revisionOf(await a.next)).toBe(20);
    expect(revisionOf(await b.next)).toBe(10);
    expect(on.calls).toHaveLength(1);
  });

  it('stops a watch that is let go of, ends the stream with the last, and begins another for the next', async () => {
    await using on = await stage();
    const [a, b] = [on.begin('a'), on.begin('b')];
    await until('both were asked for', () => on.commands.length === 2);
    a.abort.abort(new Error('enough'));
    await expect(a.next).rejects.toThrow('enough');
    await until('it was stopped', () => on.commands.includes('stop 0'));
    on.calls[0]!.write({ events: [told(0, 1), told(1, 2)] });
    expect(revisionOf(await b.next)).toBe(2);
    expect(on.ended).toEqual([]);

    await b.iterator.return();
    await until('the stream was ended', () => on.ended.length === 1);
    on.begin('c').next.catch(() => undefined);
    await until('there is another', () => on.calls.length === 2);
  });

  it('tells the one watch that has ended why, and the others go on', async () => {
    await using on = await stage();
    const [a, b] = [on.begin('a'), on.begin('b')];
    await until('both were asked for', () => on.commands.length === 2);
    on.calls[0]!.write({ events: [endedBy(0, 'TOO_MANY_WATCHES'), told(1, 5)] });
    await expect(a.next).rejects.toMatchObject({ reason: 'TOO_MANY_WATCHES', message: 'as the script says' });
    expect(revisionOf(await b.next)).toBe(5);
  });

  it('passes on what a watch was told before it ended, in the same message', async () => {
    await using on = await stage();
    const [a, b] = [on.begin('a'), on.begin('b')];
    await until('both were asked for', () => on.commands.length === 2);
    on.calls[0]!.write({ events: [told(0, 1), told(0, 2), endedBy(0, 'SHUTTING_DOWN'), told(1, 5)] });
    expect(revisionOf(await a.next)).toBe(1);
    expect(revisionOf(await a.iterator.next())).toBe(2);
    await expect(a.iterator.next()).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
    expect(revisionOf(await b.next)).toBe(5);
  });

  it('takes a status that cannot be read for one that no server should send, and the others go on', async () => {
    await using on = await stage();
    const [a, b] = [on.begin('a'), on.begin('b')];
    await until('both were asked for', () => on.commands.length === 2);
    const status = Buffer.from([0xff, 0xff, 0xff]);
    on.calls[0]!.write({ events: [{ watchId: 0, event: { $case: 'status', value: status } }, told(1, 5)] });
    await expect(a.next).rejects.toMatchObject({ name: 'RollcallError', reason: 'UNEXPECTED_STATUS' });
    expect(revisionOf(await b.next)).toBe(5);
  });

  it('tells all why the stream has ended', async () => {
    await using on = await stage();
    const both = [on.begin('a'), on.begin('b')];
    await until('both were asked for', () => on.commands.length === 2);
    on.calls[0]!.emit('error', failureOf('SHUTTING_DOWN'));
    for (const { next } of both) await expect(next).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
  });

  it('tells all that the connection is gone', async () => {
    await using on = await stage();
    const both = [on.begin('a'), on.begin('b')];
    await until('both were asked for', () => on.commands.length === 2);
    const failed = Promise.allSettled(both.map(({ next }) => next));
    on.server.kill();
    for (const outcome of await failed) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { reason: 'SERVER_UNREACHABLE' } });
    }
  });

  it('reads no further than all have taken what they were told', async () => {
    await using on = await stage();
    const [slow, quick] = [on.begin('a'), on.begin('b')];
    await until('both were asked for', () => on.commands.length === 2);
    on.calls[0]!.write({ events: [told(0, 1), told(0, 2), told(1, 1)] });
    on.calls[0]!.write({ events: [told(1, 2)] });
    expect(revisionOf(await quick.next)).toBe(1);
    expect(revisionOf(await slow.next)).toBe(1);
    let hadNext = false;
    const next = quick.iterator.next().finally(() => (hadNext = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(hadNext).toBe(false);
    expect(revisionOf(await slow.iterator.next())).toBe(2);
    expect(revisionOf(await next)).toBe(2);
  });

  it('begins a stream for each watch where the server does not have WatchMany', async () => {
    const { watch, requests } = scriptedWatch(async (call) => void call.write(await checkpointMessage(7, [])));
    await using server = await startScripted({ watch });
    const channel = createChannel(server.address);
    const watches = new SharedWatches(clientFactory.create(DiscoveryServiceService, channel));
    for (const service of ['a', 'b']) {
      for await (const { revision } of watches.watch(WatchRequest.fromPartial({ service }), {
        signal: new AbortController().signal,
      })) {
        expect(revision).toBe(7);
        break;
      }
    }
    expect(requests.map(({ service }) => service)).toEqual(['a', 'b']);
    channel.close();
  });
});
