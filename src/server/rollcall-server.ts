import { Server, ServerCredentials, type ConnectionInjector } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { Catalog } from '../catalog/catalog.js';
import { Listing } from '../catalog/listing.js';
import { Reaper } from '../catalog/reaper.js';
import { toDuration } from '../core/duration.js';
import { loadXxh64 } from '../core/hash.js';
import { LIMITS } from '../core/limits.js';
import { uuid7 } from '../core/uuid7.js';
import { Directory } from '../directory/directory.js';
import { systemClock, type Clock } from '../lib/clock.js';
import { drawnAhead, systemRandom } from '../lib/random.js';
import { CallTracker } from '../rpc/call-tracker.js';
import { discoveryService, discoveryServiceDefinition } from '../rpc/discovery-service.js';
import { registryService, registryServiceDefinition } from '../rpc/registry-service.js';
import type { Store } from '../store/contract.js';
import { WatchHub } from '../watch/watch-hub.js';
import { Listener } from './listener.js';
import { openStore } from './open-store.js';
import { addOperations, type Health } from './operations.js';
import type { Config } from './settings.js';

export interface ServerOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Begin a new history on the old data, as must be after restoring a backup. */
  readonly newEpoch?: boolean;
  /** Told once if the server can no longer do its work; it should then be closed. */
  readonly onFailed?: (error: Error) => void;
}

/** Requests are at most this large: the largest endpoint, selector or list of leases, with room to spare. */
const REQUEST_BYTES_MAX = LIMITS.messageBytesMax;

/** How long streams may take to end once they were told to. */
const STREAM_END_MS = 500;

/**
 * The composition root: one store, the directory over it, the catalog and the
 * watch hub over that, and a gRPC server in front.
 */
export class RollcallServer {
  /** `HOST:PORT` as bound. */
  readonly address: string;
  readonly #listener: Listener;
  readonly #parts: Parts;
  #closing: Promise<void> | undefined;

  /**
   * Opens the store and begins to serve.
   *
   * @throws RollcallError STORE_LOCKED, STORE_CORRUPT, STORE_FORMAT, STORE_FULL, STORE_UNAVAILABLE, ADDRESS_UNAVAILABLE
   */
  static async start(config: Config, options: ServerOptions): Promise<RollcallServer> {
    const clock = options.clock ?? systemClock;
    const { logger, newEpoch = false } = options;
    const onWriteState = (failure: unknown) => {
      if (failure === undefined) logger.info('the store takes writes again');
      else logger.error({ err: failure }, 'the store refuses writes; reads, watches and renewals go on');
    };
    const store = await openStore(config, { clock, newEpoch, onWriteState });
    let parts: Parts | undefined;
    try {
      parts = await assemble(config, store, { ...options, clock });
      const { connections } = parts;
      const listener = await Listener.open(config.listen, {
        onConnection: (socket) => connections.injectConnection(socket),
        onError: (error) => logger.error({ err: error }, 'a connection could not be accepted'),
      });
      parts.health.set(true);
      return new RollcallServer(listener, parts);
    } catch (error) {
      parts?.hub.close(NO_ADVICE);
      await (parts === undefined ? store.close() : release(parts));
      throw error;
    }
  }

  private constructor(listener: Listener, parts: Parts) {
    this.address = listener.address;
    this.#listener = listener;
    this.#parts = parts;
  }

  /** Numbers about what is under way, for logs and tests. */
  get counts(): { watches: number; topics: number; stalled: number; endpoints: number; revision: number } {
    const { hub, directory } = this.#parts;
    return { ...hub.counts, endpoints: directory.endpointCount, revision: directory.revision };
  }

  /**
   * Ends in good order: says so in health, tells watchers to reconnect, lets
   * calls under way finish within the grace, and closes the store. Idempotent.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const { config, clock, server, health, hub, calls } = this.#parts;
    health.set(false);
    this.#listener.close();
    // Tells connections to go away; resolves when no call is left.
    const stopped = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    hub.close({ delayMax: toDuration(config['reconnect-delay-max']), alternates: [] });
    await within(clock, config['shutdown-grace'], calls.drain());
    await within(clock, STREAM_END_MS, stopped);
    await release(this.#parts);
  }
}

/** For those who were never served: there is nobody to advise. */
const NO_ADVICE = { delayMax: undefined, alternates: [] };

async function release({ server, reaper, directory, store }: Parts): Promise<void> {
  server.forceShutdown();
  reaper.stop();
  directory.close();
  await store.close();
}

interface Parts {
  readonly config: Config;
  readonly clock: Clock;
  readonly server: Server;
  /** Where the server takes connections from. */
  readonly connections: ConnectionInjector;
  readonly health: Health;
  readonly hub: WatchHub;
  readonly calls: CallTracker;
  readonly reaper: Reaper;
  readonly directory: Directory;
  readonly store: Store;
}

async function assemble(config: Config, store: Store, options: ServerOptions & { clock: Clock }): Promise<Parts> {
  const { logger, clock, onFailed = () => undefined } = options;
  const xxh64 = await loadXxh64();
  const changesBytesMax = config['history-memory-max'] * 1024 * 1024;
  const directory = await Directory.open(store, { xxh64, clock, changesBytesMax, onFailed });
  const reaper = await Reaper.start(store, directory, clock);
  const fillRandom = drawnAhead(systemRandom.fill);
  const catalog = new Catalog(store, directory, {
    xxh64,
    newId: () => uuid7(clock.wallMs(), fillRandom),
    endpointsMax: config['endpoints-max'],
    endpointsPerServiceMax: config['endpoints-per-service-max'],
  });
  const hub = new WatchHub(directory, {
    xxh64,
    clock,
    checkpointIntervalMs: config['checkpoint-interval'],
    watchesMax: config['watches-max'],
    watchesPerConnectionMax: config['watches-per-connection-max'],
  });
  const calls = new CallTracker();
  const context = {
    calls,
    onDefect: (error: unknown, method: string) => logger.error({ err: error, method }, 'call failed by a defect'),
  };
  const server = new Server({
    'grpc.max_receive_message_length': REQUEST_BYTES_MAX,
    'grpc.max_concurrent_streams': config['streams-per-connection-max'],
    'grpc.keepalive_time_ms': config['keepalive-time'],
    'grpc.keepalive_timeout_ms': config['keepalive-timeout'],
  });
  server.addService(registryServiceDefinition, { ...registryService(catalog, store.epoch, context) });
  server.addService(discoveryServiceDefinition, {
    ...discoveryService(hub, new Listing(directory, xxh64), context),
  });
  const health = addOperations(server);
  const connections = server.createConnectionInjector(ServerCredentials.createInsecure());
  return { config, clock, server, connections, health, hub, calls, reaper, directory, store };
}

/** Waits for `done`, but no longer than `ms`. */
async function within(clock: Clock, ms: number, done: Promise<void>): Promise<void> {
  let timer;
  await Promise.race([done, new Promise<void>((resolve) => (timer = clock.after(ms, resolve)))]);
  (timer as { cancel(): void } | undefined)?.cancel();
}
