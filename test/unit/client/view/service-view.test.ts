import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Server, ServerCredentials, status, type ServerWritableStream } from '@grpc/grpc-js';
import { LabelOperator, RollcallClient, type KnownView, type ServiceView } from '../../../../src/client/index.js';
import {
  DiscoveryServiceService,
  Snapshot_Reason,
  WatchResponse,
  type WatchRequest,
} from '../../../../src/gen/rollcall/v1/discovery.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { startInProcess } from '../../../support/in-process-server.js';
import { passTime } from '../../../support/pass-time.js';
import { failureOf, startScripted } from '../../../support/scripted-server.js';
import { checkpointMessage, deltaMessage, scriptedWatch, snapshotMessage } from '../../../support/scripted-watch.js';
import { startFaultProxy } from '../../../support/fault-proxy.js';
import { until, within } from '../../../support/until.js';
import { ViewReader } from '../../../support/view-reader.js';

/** Nobody listens there. */
const NOWHERE = '127.0.0.1:1';

/** Servers are tried in the order given, and nothing waits. */
const IN_ORDER = { fraction: () => 0, fill: (bytes: Uint8Array) => void bytes.fill(1) };

function known(view: ServiceView): KnownView {
  const reading = view.current();
  if (reading.status === 'unknown') throw new Error('nothing is known');
  return reading;
}

function idsOf(view: ServiceView): string[] {
  return known(view).endpoints.map(({ id }) => id);
}

describe('a view', () => {
  it('is unknown, then live, and follows every change', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const view = client.watch('payments');
    expect(view.current()).toEqual({ status: 'unknown', problem: undefined });
    await within('it is known', view.ready);
    expect(view.current()).toMatchObject({ status: 'live', endpoints: [], problem: undefined });
    const before = known(view);
    for (const id of ['b', 'a']) await client.register({ service: 'payments', id, addresses: ['10.0.0.7:80'] });
    await until('both are seen', () => idsOf(view).length === 2);
    expect(idsOf(view)).toEqual(['a', 'b']);
    expect(known(view).revision).toBeGreaterThan(before.revision);
    expect(known(view).resumeToken).not.toBe(before.resumeToken);
    expect(view).toMatchObject({ namespace: 'default', service: 'payments' });
  });

  it('of a service that never was is known to be empty', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const view = client.watch('nobody');
    const reader = new ViewReader(view);
    await within('it is known', view.ready);
    await until('the reader is told', () => reader.events.length === 3);
    expect(reader.story).toEqual(['unknown', 'INITIAL', 'live']);
  });

  it('shares one stream with views of the same service and selector, however that is written', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const v1 = { key: 'version', operator: LabelOperator.IN, values: ['v1', 'v2'] };
    const tier = { key: 'tier', operator: LabelOperator.EXISTS, values: [] };
    const one = client.watch('payments', { selector: { labelRequirements: [v1, tier] } });
    const same = client.watch('payments', {
      selector: { labelRequirements: [tier, { ...v1, values: ['v2', 'v1'] }] },
    });
    await within('both are known', Promise.all([one.ready, same.ready]));
    expect(server.server.counts.watches).toBe(1);
    const other = client.watch('payments');
    await within('the other is known', other.ready);
    expect(server.server.counts.watches).toBe(2);

    one.close();
    const labels = { version: 'v2', tier: '1' };
    await client.register({ service: 'payments', id: 'a', addresses: ['10.0.0.7:80'], labels });
    await until('the one that is left goes on', () => idsOf(same).includes('a'));
    expect(idsOf(one)).toEqual([]);
    same.close();
    await until('the stream ended with the last', () => server.server.counts.watches === 1);
  });

  it('is begun anew after its stream ended with the last view', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const first = client.watch('payments');
    await within('it is known', first.ready);
    first.close();
    const again = client.watch('payments');
    await within('it is known again', again.ready);
    expect(again.current().status).toBe('live');
  });

  it('ages while no server confirms it, and says since when', async () => {
    const clock = new FakeClock();
    const { watch, calls } = scriptedWatch(async (call) => void call.write(await snapshotMessage(5, ['a'])));
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address], clock });
    const view = client.watch('payments');
    await within('it is known', view.ready);
    await clock.advance(7_000);
    expect(known(view)).toMatchObject({ status: 'live', ageMs: 7_000, revision: 5, resumeToken: 't5' });
    calls[0]?.write(await checkpointMessage(6, ['a']));
    await until('it is confirmed', () => known(view).revision === 6);
    expect(known(view)).toMatchObject({ status: 'live', ageMs: 0, resumeToken: 't6' });
  });

  it('stays as it was when every server is lost, aged and flagged, and goes on by a delta', async () => {
    await using server = await startInProcess();
    await using proxy = await startFaultProxy(server.address);
    await using owner = new RollcallClient({ servers: [server.address] });
    await using client = new RollcallClient({ servers: [proxy.address] });
    await owner.register({ service: 'payments', id: 'a', addresses: ['10.0.0.7:80'] });
    const view = client.watch('payments');
    const reader = new ViewReader(view);
    await within('it is known', view.ready);
    proxy.silence();
    proxy.sever();
    await until('it is flagged', () => view.current().status === 'resuming');
    const lost = known(view);
    expect(lost).toMatchObject({ endpoints: [{ id: 'a' }], problem: { reason: 'SERVER_UNREACHABLE' } });
    await until('it ages', () => known(view).ageMs > lost.ageMs + 20);

    await owner.register({ service: 'payments', id: 'b', addresses: ['10.0.0.8:80'] });
    proxy.restore();
    await until('it is live again', () => view.current().status === 'live' && reader.story.at(-1) === 'live');
    expect(idsOf(view)).toEqual(['a', 'b']);
    expect(reader.story).toEqual(['unknown', 'INITIAL a', 'live', 'resuming', '+b', 'live']);
  });
});

describe('ready', () => {
  it('waits while nothing is known, and says why when it took long', async () => {
    const clock = new FakeClock();
    await using client = new RollcallClient({ servers: [NOWHERE], clock });
    const view = client.watch('payments');
    let settled = false;
    void view.ready.then(
      () => (settled = true),
      () => (settled = true),
    );
    const reader = new ViewReader(view);
    await passTime(clock, 'it says why', () => reader.events.length === 2);
    expect(reader.events[1]).toMatchObject({ status: 'unknown', problem: { reason: 'SERVER_UNREACHABLE' } });
    expect(view.current()).toMatchObject({ status: 'unknown', problem: { reason: 'SERVER_UNREACHABLE' } });
    expect(settled).toBe(false);
  });

  it('says why a server that answers gives no view, once a second has passed', async () => {
    const clock = new FakeClock();
    const random = { fraction: () => 0.5, fill: (bytes: Uint8Array) => void bytes.fill(0) };
    const { watch, requests } = scriptedWatch((call) => void call.emit('error', failureOf('STORE_UNAVAILABLE')));
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address], clock, random });
    const view = client.watch('payments');
    const reader = new ViewReader(view);
    await until('it was refused once', () => requests.length === 1);
    await clock.advance(0);
    expect(view.current().problem).toBeUndefined();
    await passTime(clock, 'it says why', () => reader.events.length > 1);
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(1_000);
    expect(reader.events[1]).toMatchObject({ status: 'unknown', problem: { reason: 'STORE_UNAVAILABLE' } });
  });

  it('is given its time by a server that was down when something else failed, long ago', async () => {
    const clock = new FakeClock();
    const gone = await startScripted({});
    gone.kill();
    await using client = new RollcallClient({ servers: [gone.address], clock, callTimeoutMs: 300 });
    const listing = client
      .listServices()
      .next()
      .catch((error: unknown) => error);
    await passTime(clock, 'it has failed', () => Promise.race([listing, Promise.resolve(undefined)]));
    const { watch, calls } = scriptedWatch(async (call) => void call.write(await snapshotMessage(5, ['a'])));
    await using back = await startScripted({ watch }, gone.address);
    await clock.advance(3_000);
    const reader = new ViewReader(client.watch('payments'));
    // Enough for a patience of 0 to be over.
    await clock.advance(0);
    await until('it is asked', () => calls.length === 1);
    await until('it is live', () => reader.story.at(-1) === 'live');
    expect(reader.story).toEqual(['unknown', 'INITIAL a', 'live']);
    expect(reader.events[0]).toMatchObject({ problem: undefined });
    expect(back.address).toBe(gone.address);
  });

  it('rejects when the view is closed first, and when the client is', async () => {
    const client = new RollcallClient({ servers: [NOWHERE] });
    const closed = client.watch('payments');
    const left = client.watch('payments');
    closed.close();
    await expect(closed.ready).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
    await client.close();
    await expect(left.ready).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
    expect(() => client.watch('payments')).toThrow(expect.objectContaining({ reason: 'CLIENT_CLOSED' }));
  });
});

describe('changes', () => {
  it('begin with the picture of the moment', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    await client.register({ service: 'payments', id: 'a', addresses: ['10.0.0.7:80'] });
    const view = client.watch('payments');
    await within('it is known', view.ready);
    await client.register({ service: 'payments', id: 'b', addresses: ['10.0.0.7:80'] });
    await until('b is seen', () => idsOf(view).includes('b'));
    const reader = new ViewReader(view);
    await until('it has the picture', () => reader.events.length === 2);
    expect(reader.story).toEqual(['INITIAL a b', 'live']);
    expect(reader.events[0]).toMatchObject({ revision: known(view).revision, resumeToken: known(view).resumeToken });
  });

  it('are one snapshot for a reader that fell behind, with nothing lost of the outcome, and go on from there', async () => {
    const ids = Array.from({ length: 300 }, (_, index) => `e${String(index).padStart(3, '0')}`);
    const { watch, calls } = scriptedWatch(async (call) => {
      call.write(await snapshotMessage(1, []));
      for (const [index, id] of ids.entries()) {
        call.write(await deltaMessage(index + 2, { upserted: [id], idsAfter: ids.slice(0, index + 1) }));
      }
    });
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address] });
    const view = client.watch('payments');
    const slow = view.changes();
    await expect(slow.next()).resolves.toMatchObject({ value: { type: 'status', status: 'unknown' } });
    await within('it is known', view.ready);
    await until('all have come', () => idsOf(view).length === ids.length);
    await expect(slow.next()).resolves.toMatchObject({
      value: { type: 'snapshot', reason: 'LAGGED', endpoints: ids.map((id) => ({ id })), revision: 301 },
    });
    await expect(slow.next()).resolves.toMatchObject({ value: { type: 'status', status: 'live' } });
    const next = slow.next();
    calls[0]?.write(await deltaMessage(400, { removed: ['e000'], idsAfter: ids.slice(1) }));
    await expect(next).resolves.toMatchObject({ value: { type: 'delta', revision: 400 } });
  });

  it('show a reader that keeps up every one of them', async () => {
    const ids = Array.from({ length: 300 }, (_, index) => `e${String(index).padStart(3, '0')}`);
    const { watch } = scriptedWatch(async (call) => {
      call.write(await snapshotMessage(1, []));
      for (const [index, id] of ids.entries()) {
        call.write(await deltaMessage(index + 2, { upserted: [id], idsAfter: ids.slice(0, index + 1) }));
      }
    });
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address] });
    const reader = new ViewReader(client.watch('payments'));
    await until('all have come', () => reader.ids.length === ids.length);
    expect(reader.story).toEqual(['unknown', 'INITIAL', 'live', ...ids.map((id) => `+${id}`)]);
  });

  it('may be waited for by several at once, and are then handed out in order', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const changes = client.watch('payments').changes();
    const events = await within('three have come', Promise.all([changes.next(), changes.next(), changes.next()]));
    expect(events.map(({ value }) => value?.type)).toEqual(['status', 'snapshot', 'status']);
  });

  it('end for one reader alone when it leaves', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const view = client.watch('payments');
    const staying = new ViewReader(view);
    for await (const event of view.changes()) if (event.type === 'snapshot') break;
    await client.register({ service: 'payments', id: 'a', addresses: ['10.0.0.7:80'] });
    await until('the other goes on', () => staying.ids.includes('a'));
  });
});

describe('a view ends at once', () => {
  it('with all that wait for it, when it is closed', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const view = client.watch('payments');
    const readers = [new ViewReader(view), new ViewReader(view)];
    await within('it is known', view.ready);
    view.close();
    view.close();
    const last = view.current();
    await within('the readers end', Promise.all(readers.map(({ done }) => done)));
    await client.register({ service: 'payments', id: 'a', addresses: ['10.0.0.7:80'] });
    await until('the server has forgotten it', () => server.server.counts.watches === 0);
    expect(view.current()).toEqual(last);
    await within('a new reader ends too', new ViewReader(view).done);
  });

  it('at the end of a block that it is used in', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    {
      await using view = client.watch('payments');
      await within('it is known', view.ready);
    }
    await until('the server has forgotten it', () => server.server.counts.watches === 0);
  });

  it('when its signal is aborted, before or after', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const abort = new AbortController();
    const view = client.watch('payments', { signal: abort.signal });
    const reader = new ViewReader(view);
    await within('it is known', view.ready);
    abort.abort();
    await within('the reader ends', reader.done);
    const late = client.watch('payments', { signal: abort.signal });
    await expect(late.ready).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
    await within('a reader of it ends', new ViewReader(late).done);
    await until('the server has forgotten them', () => server.server.counts.watches === 0);
  });

  it('when the client is closed, and is then as it was', async () => {
    await using server = await startInProcess();
    const client = new RollcallClient({ servers: [server.address] });
    const view = client.watch('payments');
    const reader = new ViewReader(view);
    await within('it is known', view.ready);
    await client.close();
    await within('the reader ends', reader.done);
    const last = view.current();
    await new Promise((resolve) => setImmediate(resolve));
    expect(view.current()).toEqual(last);
    await within('a new reader ends too', new ViewReader(view).done);
  });

  it('and a signal that lives long holds on to none that is over', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const { signal } = new AbortController();
    await using wrong = await startScripted({});
    await using right = await startInProcess();
    await using client = new RollcallClient({ servers: [right.address] });
    await using mistaken = new RollcallClient({ servers: [wrong.address] });
    const open = client.watch('payments', { signal });
    const over = await (async () => {
      const closed = client.watch('payments', { signal });
      await within('it is known', closed.ready);
      closed.close();
      const refused = mistaken.watch('payments', { signal });
      await expect(refused.ready).rejects.toMatchObject({ reason: 'UNEXPECTED_STATUS' });
      return [new WeakRef(closed), new WeakRef(refused)];
    })();
    await until('they are forgotten', () => {
      collectGarbage();
      return over.every((view) => view.deref() === undefined);
    });
    expect(open.current().status).toBe('live');
    // Node warns of more than ten listeners.
    for (let index = 0; index < 20; index++) client.watch(`service-${index}`, { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  });
});

describe('a server that is wrong', () => {
  it('and refuses for good ends the view with its reason, and a later view asks anew', async () => {
    const { watch, requests } = scriptedWatch(
      (call) => void call.emit('error', failureOf('INVALID_FIELD')),
      async (call) => void call.write(await snapshotMessage(5, ['a'])),
    );
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address] });
    const view = client.watch('payments');
    const reading = view.changes();
    await reading.next();
    let next: ServiceView | undefined;
    // Whoever hears of it, by whatever way, and asks again at once, is not given what has ended.
    await reading.next().catch(() => (next = client.watch('payments')));
    await expect(view.ready).rejects.toMatchObject({ reason: 'INVALID_FIELD' });
    await expect(new ViewReader(view).done).rejects.toMatchObject({ reason: 'INVALID_FIELD' });
    await expect(reading.next()).resolves.toEqual({ done: true, value: undefined });
    expect(view.current()).toMatchObject({ status: 'unknown', problem: { reason: 'INVALID_FIELD' } });
    await within('the next is known', Promise.resolve(next?.ready));
    expect(requests).toHaveLength(2);
    view.close();
    expect(next?.current().status).toBe('live');
  });

  it('among others holds nobody up, whoever of them is asked first', async () => {
    await using wrong = await startScripted({});
    await using right = await startInProcess();
    await using client = new RollcallClient({ servers: [wrong.address, right.address], random: IN_ORDER });
    const view = client.watch('payments');
    await within('it is known', view.ready);
    expect(view.current()).toMatchObject({ status: 'live', endpoints: [] });
    for await (const event of client.follow('payments')) {
      expect(event).toMatchObject({ type: 'snapshot' });
      break;
    }
  });

  it('among others does not keep a view that was lost by a right one', async () => {
    await using wrong = await startScripted({});
    await using right = await startInProcess();
    await using proxy = await startFaultProxy(right.address);
    await using client = new RollcallClient({ servers: [proxy.address, wrong.address], random: IN_ORDER });
    const view = client.watch('payments');
    await within('it is known', view.ready);
    proxy.sever();
    await until('it is lost', () => view.current().status === 'resuming');
    await until('it is live again', () => view.current().status === 'live');
  });

  it('ends the view when all the others are wrong, too, and each was asked once', async () => {
    const answers = () => scriptedWatch((call) => void call.emit('error', { code: status.UNIMPLEMENTED, details: '' }));
    const [one, other] = [answers(), answers()];
    await using first = await startScripted(one);
    await using second = await startScripted(other);
    await using client = new RollcallClient({ servers: [first.address, second.address] });
    await expect(client.watch('payments').ready).rejects.toMatchObject({ reason: 'UNEXPECTED_STATUS' });
    expect([one.requests.length, other.requests.length]).toEqual([1, 1]);
  });

  it('among others is no reason to ask them what it refused for what was asked', async () => {
    const refused = scriptedWatch((call) => void call.emit('error', failureOf('INVALID_FIELD')));
    const untold = scriptedWatch();
    await using first = await startScripted(refused);
    await using second = await startScripted(untold);
    await using client = new RollcallClient({ servers: [first.address, second.address], random: IN_ORDER });
    await expect(client.watch('payments').ready).rejects.toMatchObject({ reason: 'INVALID_FIELD' });
    expect(untold.requests).toEqual([]);
  });

  it('of which the method is unknown ends the view, also where nobody looks', async () => {
    await using server = await startScripted({});
    await using client = new RollcallClient({ servers: [server.address] });
    const view = client.watch('payments');
    await until('it has ended', () => view.current().problem !== undefined);
    expect(view.current()).toMatchObject({ status: 'unknown', problem: { reason: 'UNEXPECTED_STATUS' } });
  });

  it.each([
    ['goes back in time', () => snapshotMessage(3, [])],
    ['goes back by a delta', () => deltaMessage(4, { removed: ['a'], idsAfter: [] })],
    ['goes back by a checkpoint', () => checkpointMessage(4, ['a'])],
    ['repeats itself by a delta', () => deltaMessage(5, { removed: ['a'], idsAfter: [] })],
    ['sends a message without an event', async () => ({ ...(await checkpointMessage(6, ['a'])), event: undefined })],
    ['completes a view without a token', async () => ({ ...(await snapshotMessage(6, [])), resumeToken: '' })],
  ])('and %s is left; the view stays, and goes on where it was', async (_what, message) => {
    const { watch, requests } = scriptedWatch(
      async (call) => {
        call.write(await snapshotMessage(5, ['a']));
        call.write(await message());
      },
      async (call) => void call.write(await deltaMessage(7, { upserted: ['b'], idsAfter: ['a', 'b'] })),
    );
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address] });
    const reader = new ViewReader(client.watch('payments'));
    await until('it goes on', () => reader.ids.length === 2 && reader.story.at(-1) === 'live');
    expect(reader.story).toEqual(['unknown', 'INITIAL a', 'live', 'resuming', '+b', 'live']);
    expect(reader.events[3]).toMatchObject({ problem: { reason: 'UNEXPECTED_STATUS' } });
    expect(requests.map(({ resumeToken }) => resumeToken)).toEqual(['', 't5']);
  });

  it('and lies about the digest is asked anew, and older states are not taken from it', async () => {
    const { watch, requests } = scriptedWatch(
      async (call) => {
        call.write(await snapshotMessage(5, ['a']));
        call.write(await deltaMessage(6, { upserted: ['b'], idsAfter: ['a', 'c'] }));
      },
      async (call) => void call.write(await snapshotMessage(4, [])),
      async (call) => void call.write(await snapshotMessage(6, ['a', 'b'])),
    );
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address] });
    const reader = new ViewReader(client.watch('payments'));
    await until('it goes on', () => reader.ids.length === 2 && reader.story.at(-1) === 'live');
    expect(reader.story.filter((word) => word !== 'resuming')).toEqual([
      'unknown',
      'INITIAL a',
      'live',
      'DRIFT a b',
      'live',
    ]);
    expect(requests.map(({ resumeToken }) => resumeToken)).toEqual(['', '', '']);
  });

  it('and sends bytes that are no message is left; the view stays, and goes on where it was', async () => {
    const messages = [[await snapshotMessage(5, ['a'])], [await deltaMessage(7, { removed: ['a'], idsAfter: [] })]];
    const encoded = messages.map((each) => each.map((message) => Buffer.from(WatchResponse.encode(message).finish())));
    encoded[0]?.push(Buffer.from([0xff, 0xff, 0xff]));
    const server = new Server();
    const definition = { ...DiscoveryServiceService.watch, responseSerialize: (bytes: Buffer) => bytes };
    const streams = encoded.values();
    server.addService(
      { watch: definition },
      {
        watch: (call: ServerWritableStream<WatchRequest, Uint8Array>) => {
          for (const bytes of streams.next().value ?? []) call.write(bytes);
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    try {
      await using client = new RollcallClient({ servers: [`127.0.0.1:${port}`] });
      const reader = new ViewReader(client.watch('payments'));
      await until('it goes on', () => reader.story.length === 6);
      expect(reader.story).toEqual(['unknown', 'INITIAL a', 'live', 'resuming', '-a', 'live']);
    } finally {
      server.forceShutdown();
    }
  });

  it('and falls silent, while its connection lives, is asked again, and less often where idle streams are just silent', async () => {
    const clock = new FakeClock();
    const { watch, requests, calls } = scriptedWatch(
      async (call) => void call.write(await snapshotMessage(1, ['a'])),
      async (call) => void call.write(await checkpointMessage(1, ['a'])),
    );
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address], clock });
    const reader = new ViewReader(client.watch('payments'));
    await passTime(clock, 'it is live', () => reader.story.at(-1) === 'live');
    const asksWithin = async (ms: number, count: number) => {
      await clock.advance(ms);
      expect(requests).toHaveLength(count);
    };
    await asksWithin(59_000, 1);
    await passTime(clock, 'it asks again', () => requests.length === 2);
    expect(reader.events.find((event) => event.type === 'status' && event.status === 'resuming')).toMatchObject({
      problem: { reason: 'TIMED_OUT', message: `${server.address} said nothing for 60000 ms` },
    });
    await passTime(clock, 'it is live again', () => reader.story.at(-1) === 'live');
    await asksWithin(100_000, 2);
    await passTime(clock, 'it asks again', () => requests.length === 3);
    await passTime(clock, 'it is live again', () => reader.story.at(-1) === 'live');
    // A server that does confirm is expected to go on so.
    calls.at(-1)?.write(await checkpointMessage(1, ['a']));
    await passTime(clock, 'that is heard', () => known(client.watch('payments')).ageMs < 200, 0);
    await asksWithin(59_000, 3);
    await passTime(clock, 'it asks again', () => requests.length === 4);
  });

  it('and has another history shows it as such', async () => {
    const { watch } = scriptedWatch(
      async (call) => {
        call.write(await snapshotMessage(5, ['a']));
        call.emit('error', failureOf('STORE_UNAVAILABLE'));
      },
      async (call) => void call.write(await snapshotMessage(2, ['z'], Snapshot_Reason.EPOCH_CHANGED)),
    );
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address] });
    const reader = new ViewReader(client.watch('payments'));
    await until('it goes on', () => reader.story.at(-1) === 'live' && reader.ids[0] === 'z');
    expect(reader.story).toEqual(['unknown', 'INITIAL a', 'live', 'resuming', 'EPOCH_CHANGED z', 'live']);
  });
});
