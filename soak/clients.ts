import { RollcallClient, type ClientLogger } from '../src/client/index.js';
import { machineMs } from '../demo/machine-clock.js';
import { seededPick } from '../test/support/seeded-random.js';
import type { FaultProxy } from '../test/support/fault-proxy.js';
import type { Endpoint } from '../src/gen/rollcall/v1/endpoint.js';
import { LibraryReader } from './library-reader.js';
import { LibraryRegistrar } from './library-registrar.js';
import { RawWatcher } from './raw-watcher.js';
import { RawWriter } from './raw-writer.js';
import type { Recording } from './recording.js';
import { LARGE, TARGETS, type Target } from './targets.js';
import { WatchConnection } from './watch-connection.js';

/** Lines to the server, by who uses them. */
export const LINES = { writers: 0, keepsAlive: 1, watchers: 2, slowWatchers: 3, library: 4, dirty: 5 } as const;
export const LINE_COUNT = Object.keys(LINES).length;

export interface ClientsOptions {
  readonly seed: number;
  readonly recording: Recording;
  /** In the order of {@link LINES}. */
  readonly lines: readonly FaultProxy[];
  /** The server's own, which no fault of a network reaches. */
  readonly directAddress: string;
  /** What the library logs goes here, a line each. */
  readonly log: string[];
  /** Told of what no fault explains, such as a library that found what it was sent to be wrong though nobody damaged it. */
  readonly onWrong: (problem: string) => void;
}

/** Somebody who sees a service. */
export interface Viewer {
  readonly name: string;
  readonly target: Target;
  readonly endpoints: readonly Endpoint[] | undefined;
  readonly isDamaged: boolean;
}

/** A watch that the library gave up because of what it was sent. */
const WRONG = /^watch of .*; asking again$/;

/** All who write and watch in a run. Owned by whoever started them. */
export class Clients implements AsyncDisposable {
  readonly writers: RawWriter[] = [];
  readonly watchers: RawWatcher[] = [];
  readonly readers: LibraryReader[] = [];
  readonly registrars: LibraryRegistrar[] = [];
  readonly #clients: RollcallClient[] = [];
  readonly #connections: WatchConnection[] = [];
  #counts = { seeds: 0, writes: 0, streams: 0 };

  static async start(options: ClientsOptions): Promise<Clients> {
    const clients = new Clients();
    await clients.#start(options);
    return clients;
  }

  /** What everyone sees. */
  get viewers(): Viewer[] {
    const raw = this.watchers.map(({ name, target, endpoints }) => ({ name, target, endpoints, isDamaged: false }));
    return [...raw, ...this.readers];
  }

  /** Nobody changes anything from now on, and everybody reads. Resolves when no write is under way. */
  async rest(): Promise<void> {
    for (const watcher of this.watchers) watcher.rest();
    await Promise.all([...this.writers, ...this.registrars].map((writer) => writer.pause()));
  }

  goOn(): void {
    for (const client of [...this.watchers, ...this.writers, ...this.registrars]) client.goOn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.registrars.map((registrar) => registrar.stop()));
    await Promise.all([...this.#clients.map((client) => client.close()), ...this.readers.map(({ ended }) => ended)]);
    for (const each of [...this.watchers, ...this.#connections]) each[Symbol.dispose]();
    for (const writer of this.writers) await writer[Symbol.asyncDispose]();
  }

  async #start({ seed, recording, lines, directAddress, log, onWrong }: ClientsOptions): Promise<void> {
    const pick = () => seededPick(seed + ++this.#counts.seeds * 7_919);
    const nextWrite = () => ++this.#counts.writes;
    const nextStream = () => ++this.#counts.streams;
    const at = (line: number): string => lines[line]!.address;
    const writer = async (name: string, address: string, keepsAlive: boolean): Promise<void> => {
      this.writers.push(
        await RawWriter.start({ name, address, recording, pick: pick(), nextWrite, onWrong, keepsAlive }),
      );
    };
    await writer('anna', at(LINES.writers), false);
    await writer('ben', at(LINES.keepsAlive), true);
    await writer('dora', directAddress, false);

    const connect = async (address: string, shared: boolean): Promise<WatchConnection> => {
      const connection = await WatchConnection.open(address, { shared });
      this.#connections.push(connection);
      return connection;
    };
    const watch = (name: string, connection: WatchConnection, target: Target, slow = false): void => {
      this.watchers.push(new RawWatcher({ name, connection, target, recording, pick: pick(), nextStream, slow }));
    };
    const shared = await connect(at(LINES.watchers), true);
    for (const [index, target] of TARGETS.entries()) {
      watch(`watcher ${index}`, await connect(at(LINES.watchers), false), target);
      watch(`watcher ${index} on a shared stream`, shared, target);
      // It takes large messages to fill a stream.
      const slow = target.service === LARGE ? 3 : index % 2;
      for (let count = 1; count <= slow; count++) {
        watch(`slow watcher ${index}.${count}`, await connect(at(LINES.slowWatchers), false), target, true);
      }
    }
    watch('watcher without a line', await connect(directAddress, false), TARGETS[0]!);

    const client = (name: string, servers: readonly string[], isDamaged: boolean): RollcallClient => {
      const say = (message: string): void => {
        log.push(`${machineMs().toFixed(0)} ${name}: ${message}`);
        if (!isDamaged && WRONG.test(message)) onWrong(message);
      };
      const note = (_: object, message: string): void => say(message);
      const logger: ClientLogger = { debug: note, info: note, warn: note, error: note };
      const made = new RollcallClient({ servers, callTimeoutMs: 4_000, logger });
      this.#clients.push(made);
      return made;
    };
    const read = (of: RollcallClient, targets: readonly number[], isDamaged: boolean): void => {
      for (const index of targets) {
        const by = this.readers.length % 2 === 0 ? 'view' : 'follow';
        const reader = this.readers.length + 1;
        const name = `${by} ${reader} of the library`;
        const noted = isDamaged ? undefined : recording;
        this.readers.push(
          new LibraryReader({ name, client: of, target: TARGETS[index]!, recording: noted, reader, by, onWrong }),
        );
      }
    };
    const first = client('first', [at(LINES.library)], false);
    this.registrars.push(new LibraryRegistrar({ name: 'first', client: first, recording, pick: pick(), nextWrite }));
    read(first, [0, 7, 4, 8], false);
    const second = client('second', [at(LINES.library), at(LINES.watchers)], false);
    this.registrars.push(new LibraryRegistrar({ name: 'second', client: second, recording, pick: pick(), nextWrite }));
    read(second, [1, 5], false);
    read(client('damaged', [at(LINES.dirty)], true), [0, 3, 5, 7], true);
  }
}
