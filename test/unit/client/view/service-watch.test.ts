import { RollcallError, type Reason } from '../../../../src/core/errors.js';
import { silentLogger } from '../../../../src/client/logger.js';
import { ServiceWatch, type WatchConnection, type WatchTarget } from '../../../../src/client/view/service-watch.js';
import type { WatchEvent } from '../../../../src/client/view/watch-event.js';
import { loadXxh64 } from '../../../../src/core/hash.js';
import { WatchResponse } from '../../../../src/gen/rollcall/v1/discovery.js';
import { orAbort } from '../../../../src/lib/linked-abort.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { checkpointMessage, snapshotMessage } from '../../../support/scripted-watch.js';

const PAYMENTS: WatchTarget = { namespace: 'default', service: 'payments', selector: undefined, selectorKey: '' };

const SECOND = 1_000;
const HOUR = 3_600_000;

/** One stream of a server, which says what a test tells it to. */
class Stream {
  readonly openedMs: number;
  readonly #queue: (WatchResponse | Error)[] = [];
  #wake: () => void = () => undefined;

  constructor(openedMs: number) {
    this.openedMs = openedMs;
  }

  say(next: WatchResponse | Error): void {
    this.#queue.push(next);
    this.#wake();
  }

  async *read(signal: AbortSignal): AsyncGenerator<WatchResponse> {
    for (;;) {
      const next = this.#queue.shift();
      if (next instanceof Error) throw next;
      if (next !== undefined) yield next;
      else await orAbort(new Promise<void>((resolve) => (this.#wake = resolve)), signal);
    }
  }
}

/** A watch of which a test holds the time, the jitter and the server. */
class Watching {
  readonly clock: FakeClock;
  readonly streams: Stream[] = [];
  readonly events: WatchEvent[] = [];
  /** Why it ended. */
  failure: unknown;
  readonly #stop = new AbortController();

  constructor(fraction: number, clock = new FakeClock()) {
    this.clock = clock;
    const link = {
      address: 'a:1',
      discovery: {
        watch: (_request: unknown, { signal = this.#stop.signal }: { signal?: AbortSignal } = {}) => {
          const stream = new Stream(clock.monotonicMs());
          this.streams.push(stream);
          return stream.read(signal);
        },
      },
    };
    const connection: WatchConnection = {
      servers: ['a:1'],
      connect: () => Promise.resolve(link),
      leave: () => undefined,
      blame: () => undefined,
    };
    const random = { fraction: () => fraction, fill: (bytes: Uint8Array) => void bytes.fill(0) };
    void this.#read(new ServiceWatch(PAYMENTS, { connection, clock, random, logger: silentLogger }));
  }

  get last(): Stream {
    return this.streams.at(-1)!;
  }

  /** Lets what was said arrive. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await this.clock.settle();
  }

  /** How long it took until so many streams had been opened, in steps of `stepMs`. */
  async msUntilStreams(count: number, stepMs: number, maxMs: number): Promise<number> {
    const startMs = this.clock.monotonicMs();
    while (this.streams.length < count && this.clock.monotonicMs() - startMs < maxMs) {
      await this.clock.advance(stepMs, () => this.settle());
    }
    expect(this.streams).toHaveLength(count);
    return this.clock.monotonicMs() - startMs;
  }

  stop(): void {
    this.#stop.abort();
  }

  async #read(watch: ServiceWatch): Promise<void> {
    try {
      for await (const event of watch.events(this.#stop.signal)) this.events.push(event);
    } catch (error) {
      this.failure = error;
    }
  }
}

const unavailable = (reason: Reason = 'STORE_UNAVAILABLE') => new RollcallError(reason, 'as the test says');

const reconnect = (delaySeconds: number): WatchResponse =>
  WatchResponse.create({
    event: { $case: 'reconnect', value: { delayMax: { seconds: BigInt(delaySeconds), nanos: 0 }, alternates: [] } },
  });

// A watch loads it first, which takes as long as it takes, whatever turns a test waits for.
beforeAll(() => loadXxh64());

describe('a stream that never says a word', () => {
  it('is given up after a minute, each time', async () => {
    const watching = new Watching(0);
    await watching.settle();
    await watching.clock.advance(HOUR - SECOND, () => watching.settle());
    expect(watching.streams.map(({ openedMs }) => openedMs / SECOND)).toEqual(
      Array.from({ length: 60 }, (_, minute) => minute * 60),
    );
    watching.stop();
  });

  it('is given up after a minute also where streams that had spoken fell silent', async () => {
    const watching = new Watching(0);
    await watching.settle();
    for (let time = 0; time < 3; time++) {
      watching.last.say(await snapshotMessage(1, ['a']));
      await watching.settle();
      await watching.msUntilStreams(time + 2, SECOND, 8 * 60 * SECOND);
    }
    expect(await watching.msUntilStreams(5, SECOND, HOUR)).toBe(60 * SECOND);
    watching.stop();
  });
});

describe('a stream that has spoken', () => {
  it('may be silent for twice as long after each silence, up to two hours', async () => {
    const watching = new Watching(0);
    await watching.settle();
    const silences: number[] = [];
    for (let time = 0; time < 9; time++) {
      watching.last.say(await snapshotMessage(1, ['a']));
      await watching.settle();
      silences.push((await watching.msUntilStreams(time + 2, SECOND, 3 * HOUR)) / 60_000);
    }
    expect(silences).toEqual([1, 2, 4, 8, 16, 32, 64, 120, 120]);
    watching.stop();
  });

  it('is not given up for what waited to be read while the event loop was blocked', async () => {
    const watching = new Watching(0, new FakeClock({ soonByItself: false }));
    await watching.settle();
    watching.last.say(await snapshotMessage(1, ['a']));
    await watching.settle();
    watching.clock.spend(90 * SECOND);
    // Timers come first, then what has arrived.
    watching.clock.fireNext(Infinity);
    watching.last.say(await checkpointMessage(2, ['a']));
    await new Promise((resolve) => setImmediate(resolve));
    await watching.settle();
    expect(watching.streams).toHaveLength(1);
    expect(watching.events).toHaveLength(2);
    await watching.clock.advance(60 * SECOND, () => watching.settle());
    expect(watching.streams).toHaveLength(2);
    watching.stop();
  });
});

describe('a watch waits between streams', () => {
  it('no longer than a minute, whatever a server that goes away says', async () => {
    const watching = new Watching(0.5);
    await watching.settle();
    watching.last.say(await snapshotMessage(1, ['a']));
    watching.last.say(reconnect(24 * 3_600));
    await watching.settle();
    expect(await watching.msUntilStreams(2, SECOND, HOUR)).toBe(30 * SECOND);
    watching.stop();
  });

  it('as long as a server that goes away says', async () => {
    const watching = new Watching(0.5);
    await watching.settle();
    watching.last.say(reconnect(20));
    await watching.settle();
    expect(await watching.msUntilStreams(2, SECOND, HOUR)).toBe(10 * SECOND);
    watching.stop();
  });

  it('longer after each failure, and briefly again after a stream that lived for ten seconds', async () => {
    const watching = new Watching(0.5);
    await watching.settle();
    const pauses: number[] = [];
    const failAfter = async (ms: number) => {
      await watching.clock.advance(ms, () => watching.settle());
      watching.last.say(unavailable());
      await watching.settle();
      pauses.push(await watching.msUntilStreams(watching.streams.length + 1, 50, HOUR));
    };
    for (let time = 0; time < 8; time++) await failAfter(0);
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    await failAfter(9_000);
    expect(pauses.at(-1)).toBe(5_000);
    watching.last.say(await snapshotMessage(1, ['a']));
    await failAfter(10_000);
    expect(pauses.at(-1)).toBe(100);
    watching.stop();
  });
});

describe('a watch of which no server has taken anything yet', () => {
  it('is not accepted by a server that only goes away', async () => {
    const watching = new Watching(0);
    await watching.settle();
    watching.last.say(reconnect(0));
    await watching.settle();
    await watching.msUntilStreams(2, 50, SECOND);
    watching.last.say(unavailable('UNEXPECTED_STATUS'));
    await watching.settle();
    expect(watching.failure).toMatchObject({ reason: 'UNEXPECTED_STATUS' });
  });
});
