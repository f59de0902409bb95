import { readFileSync } from 'node:fs';
import { startBystander, type Bystander, type BystanderFigures } from './bystander.js';
import { Channelz } from './channelz.js';
import { startServer, type ServerProcess } from './server-process.js';
import { until } from './until.js';

/** What a fault did to those that it was not meant for. */
export interface Endured {
  readonly calm: BystanderFigures;
  readonly during: BystanderFigures;
  /** Lines that the server logged meanwhile. */
  readonly log: readonly string[];
}

/** For calm to compare with: so many calls of the bystander. */
const CALM_CALLS = 50;
/** A fault that is over sooner is begun again. */
const CALLS_UNDER_FAULT = 20;
/** The bystander's own, and that of channelz. */
const CONNECTIONS_OF_OURS = 2;
const RSS_SAMPLES = 5;
const ROUNDS_MAX = 5;

/**
 * Node's own collector runs when it likes; a level of memory is only comparable with another right after it ran. The
 * server is otherwise what is published.
 */
const COLLECT_ON_SIGNAL = ['--expose-gc', '--import', `data:text/javascript,process.on('SIGUSR2',()=>globalThis.gc())`];

/**
 * A connection that was told GOAWAY for its resets is sometimes held until a ping of it fails, with its socket long
 * closed. That is 30 s by default, and too long for a test.
 */
const KEEPALIVE = ['--keepalive-time', '1s', '--keepalive-timeout', '4s'];

/** The real server, a client that behaves, and what has to hold whatever others do. Owned by whoever started it. */
export class FaultStage implements AsyncDisposable {
  readonly server: ServerProcess;
  readonly #bystander: Bystander;
  readonly #channelz: Channelz;

  static async start(args: readonly string[] = []): Promise<FaultStage> {
    const server = await startServer({ args: [...KEEPALIVE, ...args], nodeArgs: COLLECT_ON_SIGNAL });
    try {
      return new FaultStage(server, await startBystander(server.address));
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(server: ServerProcess, bystander: Bystander) {
    this.server = server;
    this.#bystander = bystander;
    this.#channelz = new Channelz(server.address);
  }

  /**
   * Does it in rounds, until one leaves no more than a tenth more memory behind than the one before: the first warm up,
   * as code is compiled and heaps and buffers grow to what the fault takes. What grows without end is still growing at
   * the last. Checks besides that the server lives, that all connections and streams of the fault are gone after each
   * round, that every call of the bystander succeeded, and that the log says nothing: none of it is the server's affair. Latencies are printed and not judged:
   * this machine may have other things to do.
   */
  async endure(name: string, fault: () => Promise<void>): Promise<Endured> {
    const logBefore = this.#log().length;
    const calm = await this.#calm();
    const rssKiB = [Infinity];
    let during: BystanderFigures;
    do {
      await this.#bystander.figures();
      const enough = this.#bystander.untilCalls(CALLS_UNDER_FAULT).then(() => true);
      do await fault();
      while (!(await Promise.race([enough, Promise.resolve(false)])));
      during = await this.#bystander.figures();
      expect(during.failures).toEqual([]);
      await this.#allGone();
      rssKiB.push(await this.#rssKiB());
    } while (rssKiB.length < 3 || (grown(rssKiB) && rssKiB.length <= ROUNDS_MAX));
    const late = await this.#calm();
    const log = this.#log().slice(logBefore);

    process.stderr.write(`${name}: ${line(calm, during, rssKiB.slice(1))}, ${log.length} log lines\n`);
    expect([...calm.failures, ...late.failures]).toEqual([]);
    expect(grown(rssKiB)).toBe(false);
    // The first are enough to see what it is.
    expect(log.slice(0, 3)).toEqual([]);
    return { calm, during, log };
  }

  /** Ends the server in good order, which says what it held to the last. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#bystander[Symbol.asyncDispose]();
      await until('the bystander is gone', async () => (await this.#channelz.openStreams()).length === 1);
      const { code } = await this.server.stop();
      expect(code).toBe(0);
      const last = this.#log().map((text) => JSON.parse(text) as Record<string, unknown>);
      expect(last.find(({ msg }) => msg === 'shutting down')).toMatchObject({ watches: 0, topics: 0, stalled: 0 });
    } finally {
      this.#channelz[Symbol.dispose]();
      await this.server[Symbol.asyncDispose]();
    }
  }

  async #calm(): Promise<BystanderFigures> {
    await this.#bystander.figures();
    await this.#bystander.untilCalls(CALM_CALLS);
    return this.#bystander.figures();
  }

  #allGone(): Promise<boolean> {
    return until('connections and streams are gone', async () => {
      const open = await this.#channelz.openStreams();
      // The bystander's watch and the call under way, and the question itself.
      return open.length === CONNECTIONS_OF_OURS && open.reduce((sum, count) => sum + count, 0) <= 3;
    });
  }

  async #rssKiB(): Promise<number> {
    let least = Infinity;
    for (let sample = 0; sample < RSS_SAMPLES; sample++) {
      this.server.signal('SIGUSR2');
      // It answers once it has collected.
      await this.#channelz.openStreams();
      const status = readFileSync(`/proc/${this.server.pid}/status`, 'utf8');
      least = Math.min(least, Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]));
    }
    return least;
  }

  #log(): string[] {
    return this.server
      .stderr()
      .split('\n')
      .filter((text) => text !== '');
  }
}

/** Whether memory has grown by more than a tenth with the last round. */
function grown(rssKiB: readonly number[]): boolean {
  return rssKiB.at(-1)! > rssKiB.at(-2)! * 1.1;
}

function line(calm: BystanderFigures, during: BystanderFigures, rssKiB: readonly number[]): string {
  const ms = ({ p50Ms, p99Ms, maxMs }: BystanderFigures) =>
    [p50Ms, p99Ms, maxMs].map((value) => value.toFixed(1)).join('/');
  const mib = (kib: number) => (kib / 1_024).toFixed(0);
  return (
    `bystander p50/p99/max ${ms(calm)} ms in calm, ${ms(during)} ms during (${during.calls} calls); ` +
    `RSS ${rssKiB.map(mib).join(' → ')} MiB`
  );
}
