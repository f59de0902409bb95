import type { Connection, ResumePoint, Watch, WatchMessage } from './subject.js';

/** How long all of a group may take for one thing. Far above any figure of interest. */
const TIMEOUT_MS = 120_000;

export interface WatcherGroupOptions {
  readonly service: string;
  readonly perConnection: number;
  /** For each watch where it goes on from; else all begin with the present view. */
  readonly from?: readonly ResumePoint[];
  /** Called with each message and with which of the watches it came to. */
  readonly onMessage?: (message: WatchMessage, watch: number) => void;
}

/** Watches of one service, each of which is to see the same. */
export class WatcherGroup {
  readonly watches: Watch[] = [];
  /** How far each watch has come; -1 for one that has no view yet. */
  readonly #revisions: number[] = [];
  #awaited: { readonly revision: number; behind: number; resolve(): void; reject(error: Error): void } | undefined;
  #failed: Error | undefined;
  readonly #onMessage: (message: WatchMessage, watch: number) => void;

  /** Begins `perConnection` watches on each connection; `reach` tells when they have come where. */
  constructor(connections: readonly Connection[], options: WatcherGroupOptions) {
    this.#onMessage = options.onMessage ?? (() => undefined);
    for (const connection of connections) {
      for (let index = 0; index < options.perConnection; index++) this.#begin(connection, options);
    }
  }

  /** The same, once each watch has its first view. */
  static async open(connections: readonly Connection[], options: WatcherGroupOptions): Promise<WatcherGroup> {
    const group = new WatcherGroup(connections, options);
    await group.reach(0);
    return group;
  }

  /** Resolves once each watch has seen everything up to a revision. For one revision at a time. */
  async reach(revision: number): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed;
    const behind = this.#revisions.filter((reached) => reached < revision).length;
    if (behind === 0) return;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const awaited = { revision, behind, resolve, reject };
        this.#awaited = awaited;
        const late = () =>
          reject(new Error(`after ${TIMEOUT_MS} ms ${awaited.behind} watches are not at revision ${revision} yet`));
        timer = setTimeout(late, TIMEOUT_MS);
      });
    } finally {
      clearTimeout(timer);
      this.#awaited = undefined;
    }
  }

  /** Makes one change and waits until each watch has seen it. */
  async see(change: () => Promise<number>): Promise<void> {
    await this.reach(await change());
  }

  #begin(connection: Connection, { service, from }: WatcherGroupOptions): void {
    const index = this.watches.length;
    this.#revisions.push(-1);
    const listener = {
      onMessage: (message: WatchMessage) => {
        this.#onMessage(message, index);
        if (message.kind === 'view' || message.kind === 'change') this.#advance(index, message.revision);
      },
      onEnd: (error: Error) => this.#fail(error),
    };
    this.watches.push(connection.watch(service, listener, from?.[index]));
  }

  #advance(index: number, revision: number): void {
    const before = this.#revisions[index]!;
    if (revision <= before) throw new Error(`a watch went from revision ${before} to ${revision}`);
    this.#revisions[index] = revision;
    const awaited = this.#awaited;
    if (awaited === undefined || before >= awaited.revision || revision < awaited.revision) return;
    if (--awaited.behind === 0) awaited.resolve();
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#awaited?.reject(error);
  }
}
