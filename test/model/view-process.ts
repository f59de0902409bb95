import { RollcallError } from '../../src/core/errors.js';
import { LastKnownGood } from '../../src/client/view/last-known-good.js';
import { silentLogger } from '../../src/client/logger.js';
import type { ViewFiles } from '../../src/client/view/view-directory.js';
import type { FeedConnection } from '../../src/client/view/view-feed.js';
import { ViewFeeds } from '../../src/client/view/view-feeds.js';
import { decodeViewFile, encodeViewFile, viewFileName, type ViewFile } from '../../src/client/view/view-file.js';
import type { WatchTarget } from '../../src/client/view/service-watch.js';
import { WatchRequest } from '../../src/gen/rollcall/v1/discovery.js';
import { linkAbort, type LinkedAbort } from '../../src/lib/linked-abort.js';
import type { Random } from '../../src/lib/random.js';
import type { FakeClock } from '../support/fake-clock.js';
import type { ViewServer } from './view-server.js';
import { isBefore, ViewWatcher, type Position, type WatcherContext } from './view-watcher.js';

const PAYMENTS: WatchTarget = { namespace: 'default', service: 'payments', selector: undefined, selectorKey: '' };

/** Files that outlive a process, and can be damaged. */
export class ViewDisk implements ViewFiles {
  full = false;
  readonly #contents = new Map<string, Buffer>();

  async read(target: WatchTarget): Promise<ViewFile | undefined> {
    const content = await Promise.resolve(this.#contents.get(viewFileName(target)));
    return content && decodeViewFile(content, target);
  }

  async write(target: WatchTarget, file: ViewFile): Promise<void> {
    const content = await Promise.resolve(encodeViewFile(target, file));
    if (this.full) throw new Error('the disk is full');
    this.#contents.set(viewFileName(target), content);
  }

  damage(at: number): void {
    for (const content of this.#contents.values()) content[at % content.length]! ^= 0x01;
  }
}

export interface ProcessOptions extends WatcherContext {
  readonly server: ViewServer;
  readonly disk: ViewDisk;
  readonly clock: FakeClock;
  readonly random: Random;
}

/** A process with a client of the catalog, from its start to its end. */
export class ViewProcess {
  readonly watchers: ViewWatcher[] = [];
  readonly #options: ProcessOptions;
  readonly #feeds: ViewFeeds;
  readonly #scopes = new Set<LinkedAbort>();
  /** The newest that any of its views has shown. */
  #newest: Position | undefined;

  constructor(options: ProcessOptions) {
    this.#options = options;
    const { clock, random, disk } = options;
    const shared = { clock, random, logger: silentLogger };
    const lastKnownGood = new LastKnownGood({ ...shared, files: disk, maxAgeMs: Infinity });
    this.#feeds = new ViewFeeds({ ...shared, connection: this.#connection(options), lastKnownGood });
  }

  open(): ViewWatcher {
    const watcher = new ViewWatcher(this.#feeds.open(PAYMENTS), this.#options);
    this.watchers.push(watcher);
    return watcher;
  }

  /** Closes one of its views, if there is any. */
  close(which: number): void {
    this.watchers.splice(which % Math.max(1, this.watchers.length), 1)[0]?.view.close();
  }

  /** Ends it; when it is killed, what was to be written is not. */
  async end({ killed }: { readonly killed: boolean }): Promise<void> {
    if (killed) this.#options.clock.forgetAll();
    for (const scope of this.#scopes) scope.abort(new RollcallError('CLIENT_CLOSED', 'the client was closed'));
    if (!killed) await this.#feeds.close(Infinity);
  }

  /** Holds what its views show now to what is true, and to what they have shown. */
  look(): void {
    for (const watcher of this.watchers) {
      const position = watcher.look();
      if (position === undefined) continue;
      if (isBefore(position, this.#newest))
        this.#options.complain(`${JSON.stringify(position)} is shown after ${JSON.stringify(this.#newest)}`);
      this.#newest = position;
    }
  }

  #connection({ server }: ProcessOptions): FeedConnection {
    const watch: Awaited<ReturnType<FeedConnection['connect']>>['discovery']['watch'] = (request, { signal } = {}) =>
      server.watch(WatchRequest.fromPartial(request), signal ?? new AbortController().signal);
    return {
      servers: ['the server'],
      failure: undefined,
      connect: async (signal) => {
        await server.connected(signal);
        return { address: 'the server', discovery: { watch } };
      },
      leave: () => undefined,
      blame: () => undefined,
      hold: () => () => undefined,
      scope: (...parents) => {
        const scope = linkAbort(...parents);
        this.#scopes.add(scope);
        return scope;
      },
    };
  }
}
