import { firstValueFrom, from, lastValueFrom, take, toArray, type Subscription } from 'rxjs';
import { RollcallClient, type ServiceView, type ViewEvent, type ViewReading } from '../../../src/client/index.js';
import { fromView } from '../../../src/rx/index.js';
import { startInProcess } from '../../support/in-process-server.js';
import { failureOf, startScripted } from '../../support/scripted-server.js';
import { deltaMessage, scriptedWatch, snapshotMessage } from '../../support/scripted-watch.js';
import { until, within } from '../../support/until.js';
import { storyOf } from '../../support/view-reader.js';

function stateOf(reading: ViewReading): string {
  return reading.status === 'unknown'
    ? 'unknown'
    : [reading.status, ...reading.endpoints.map(({ id }) => id)].join(' ');
}

/** A server of payments with the endpoint a, to which `change` can be said to add b, and a view of it. */
async function startPayments() {
  const { watch, calls } = scriptedWatch(async (call) => void call.write(await snapshotMessage(5, ['a'])));
  const server = await startScripted({ watch });
  const client = new RollcallClient({ servers: [server.address] });
  return {
    client,
    view: client.watch('payments'),
    addB: async () => void calls[0]?.write(await deltaMessage(6, { upserted: ['b'], idsAfter: ['a', 'b'] })),
    async [Symbol.asyncDispose]() {
      await client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Whether a subscription that waits for a change, and is ended, lets go of its iterator without waiting for one. */
async function letsGo(view: ServiceView, subscribe: (view: ServiceView) => Subscription): Promise<boolean> {
  await within('it is known', view.ready);
  const iterators: AsyncIterableIterator<ViewEvent, undefined>[] = [];
  const changes = view.changes.bind(view);
  view.changes = () => {
    const iterator = changes();
    iterators.push(iterator);
    return iterator;
  };
  const subscription = subscribe(view);
  // It has read what there is, and waits.
  await new Promise((resolve) => setImmediate(resolve));
  subscription.unsubscribe();
  expect(iterators).toHaveLength(1);
  const next = iterators[0]!.next().then(({ done }) => done === true);
  const turn = new Promise<false>((resolve) => void setImmediate(resolve, false));
  return await Promise.race([next, turn]);
}

describe('the states of a view', () => {
  it('are what it is now, at once, and then every other', async () => {
    await using payments = await startPayments();
    const seen: string[] = [];
    fromView(payments.view).states.subscribe((state) => seen.push(stateOf(state)));
    expect(seen).toEqual(['unknown']);
    await until('it is known', () => seen.length === 2);
    await payments.addB();
    await until('it changed', () => seen.length === 3);
    expect(seen).toEqual(['unknown', 'live a', 'live a b']);
  });

  it('begin for whoever comes late with the latest alone', async () => {
    await using payments = await startPayments();
    await within('it is known', payments.view.ready);
    await payments.addB();
    const { states } = fromView(payments.view);
    await until('it changed', async () => stateOf(await firstValueFrom(states)) === 'live a b');
    const both = [lastValueFrom(states.pipe(toArray())), lastValueFrom(states.pipe(toArray()))];
    await new Promise((resolve) => setImmediate(resolve));
    payments.view.close();
    for (const seen of await within('both complete', Promise.all(both)))
      expect(seen.map(stateOf)).toEqual(['live a b']);
  });

  it('are no more than differ, however many events led to them', async () => {
    await using payments = await startPayments();
    const seen: string[] = [];
    fromView(payments.view).states.subscribe((state) => seen.push(stateOf(state)));
    const events: string[] = [];
    fromView(payments.view).events.subscribe((event) => events.push(storyOf(event)));
    await until('it is known', () => events.length === 3);
    expect(events).toEqual(['unknown', 'INITIAL a', 'live']);
    expect(seen).toEqual(['unknown', 'live a']);
  });
});

describe('the events of a view', () => {
  it('are those of its changes, for each subscriber from the picture of the moment', async () => {
    await using payments = await startPayments();
    const { events } = fromView(payments.view);
    const first = lastValueFrom(events.pipe(take(4), toArray()));
    await within('it is known', payments.view.ready);
    await payments.addB();
    expect((await first).map(storyOf)).toEqual(['unknown', 'INITIAL a', 'live', '+b']);
    const second = lastValueFrom(events.pipe(take(2), toArray()));
    expect((await second).map(storyOf)).toEqual(['INITIAL a b', 'live']);
  });
});

describe('a subscription', () => {
  it('that is ended while nothing happens lets go of the view at once', async () => {
    await using payments = await startPayments();
    expect(await letsGo(payments.view, (view) => fromView(view).events.subscribe())).toBe(true);
    expect(await letsGo(payments.client.watch('payments'), (view) => fromView(view).states.subscribe())).toBe(true);
  });

  it("would not, were it made by RxJS' own from()", async () => {
    await using payments = await startPayments();
    expect(await letsGo(payments.view, (view) => from(view.changes()).subscribe())).toBe(false);
  });

  it('that is ended by its own first value never begins to wait', async () => {
    await using payments = await startPayments();
    const { states } = fromView(payments.view);
    expect(stateOf(await firstValueFrom(states))).toBe('unknown');
  });

  it('does not own the view', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const view = client.watch('payments');
    await within('it is known', view.ready);
    fromView(view).events.subscribe().unsubscribe();
    await client.register({ service: 'payments', id: 'a', addresses: ['10.0.0.7:80'] });
    await until('it goes on', () => stateOf(view.current()) === 'live a');
  });

  it('completes when the view is closed, and when the client is', async () => {
    await using payments = await startPayments();
    const other = payments.client.watch('payments');
    await within('it is known', payments.view.ready);
    const completions = [payments.view, other].map((view) => {
      const { states, events } = fromView(view);
      return Promise.all([lastValueFrom(states), lastValueFrom(events, { defaultValue: undefined })]);
    });
    payments.view.close();
    await within('it completes', completions[0]!);
    await payments.client.close();
    await within('it completes', completions[1]!);
    expect(stateOf(await lastValueFrom(fromView(other).states))).toBe('live a');
  });

  it('errors with what a server refuses for good', async () => {
    const { watch } = scriptedWatch((call) => void call.emit('error', failureOf('INVALID_FIELD')));
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address] });
    const { states, events } = fromView(client.watch('payments'));
    const refused = expect.objectContaining({ reason: 'INVALID_FIELD' });
    const ends = [lastValueFrom(states), lastValueFrom(events)];
    for (const end of ends) await expect(end).rejects.toEqual(refused);
    await expect(lastValueFrom(events)).rejects.toEqual(refused);
  });
});
