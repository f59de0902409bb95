import { RollcallError } from '../../../src/core/errors.js';
import { WatchManyResponse } from '../../../src/gen/rollcall/v1/discovery.js';
import { checkpointMessage } from '../../../src/watch/messages.js';
import { SharedOutlet } from '../../../src/watch/shared-outlet.js';
import { FakeClock } from '../../support/fake-clock.js';
import { PacedSink } from '../../support/paced-sink.js';

/** A message of a watch, told apart by its revision. */
const message = (revision: number, filler = 0) =>
  Buffer.concat([checkpointMessage({ revision }), Buffer.from([0x7a, ...varint(filler)]), Buffer.alloc(filler)]);

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** What was sent: of each message, the watches and revisions in it. */
function stream(clock: FakeClock) {
  const sent: string[][] = [];
  const sizes: number[] = [];
  let queuedMax = 0;
  const sink = new PacedSink(clock, {
    onQueued: (bytes, { bytes: queued }) => {
      sizes.push(bytes.length);
      queuedMax = Math.max(queuedMax, queued);
    },
    onMessage: (bytes) =>
      void sent.push(
        WatchManyResponse.decode(bytes).events.map(({ watchId, event }) =>
          event?.$case === 'response' ? `${watchId}@${event.value.revision}` : `${watchId} ended`,
        ),
      ),
    onEnd: () => undefined,
  });
  const outlet = new SharedOutlet(sink, () => Buffer.from('status'));
  return { sink, outlet, sent, sizes, queuedMax: () => queuedMax };
}

const endOfTurn = () => new Promise<void>((resolve) => queueMicrotask(resolve));

describe('SharedOutlet', () => {
  let clock: FakeClock;
  beforeEach(() => {
    clock = new FakeClock({ soonByItself: false });
  });

  it('sends what all watches are told in one turn in one message, in order', async () => {
    const { outlet, sent } = stream(clock);
    outlet.watch(1).write(message(10));
    outlet.watch(2).write(message(10));
    outlet.watch(1).write(message(11));
    outlet.watch(2).end(new RollcallError('SHUTTING_DOWN', ''));
    await endOfTurn();
    await clock.turn();
    outlet.watch(1).write(message(12));
    await endOfTurn();
    await clock.turn();
    expect(sent).toEqual([['1@10', '2@10', '1@11', '2 ended'], ['1@12']]);
  });

  it('sends what waits at once when it is told to', async () => {
    const { outlet, sent } = stream(clock);
    outlet.watch(1).write(message(10));
    outlet.flush();
    await clock.turn();
    expect(sent).toEqual([['1@10']]);
  });

  it('begins another message before one grows large', async () => {
    const { outlet, sizes, sent } = stream(clock);
    for (const watchId of [1, 2, 3, 4, 5]) outlet.watch(watchId).write(message(1, 25_000));
    await endOfTurn();
    await clock.turn();
    expect(sent).toEqual([['1@1', '2@1'], ['3@1', '4@1'], ['5@1']]);
    expect(Math.max(...sizes)).toBeLessThan(66_000);
  });

  it('is full for all watches at once, and lets them go on in turn when there is room', async () => {
    const { sink, outlet, sent, queuedMax } = stream(clock);
    const large = 60_000;
    const all = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const wanted = [1, 2, 3].map((watchId) => ({ watch: outlet.watch(watchId), revisions: [...all] }));
    const pump = ({ watch, revisions }: (typeof wanted)[number]) => {
      while (revisions.length > 0) {
        if (watch.full) return watch.whenRoom(() => pump({ watch, revisions }));
        watch.write(message(revisions.shift()!, large));
      }
    };
    sink.stop();
    wanted.forEach(pump);
    await endOfTurn();
    expect(wanted.map(({ watch }) => watch.full)).toEqual([true, true, true]);
    expect(queuedMax()).toBeLessThan(64 * 1024 * 2 + large);

    for (let taken = 0; taken < 30; taken++) {
      sink.takeSome(1);
      await endOfTurn();
    }
    const order = sent.flat();
    for (const watchId of [1, 2, 3]) {
      const its = order.filter((one) => one.startsWith(`${watchId}@`));
      expect(its).toEqual(all.map((revision) => `${watchId}@${revision}`));
    }
    // Nobody gets all of it before the others get any.
    expect(order.indexOf('3@1')).toBeLessThan(order.indexOf('1@9'));
    expect(queuedMax()).toBeLessThan(64 * 1024 * 2 + large);
    expect(wanted.map(({ watch }) => watch.full)).toEqual([false, false, false]);
  });
});
