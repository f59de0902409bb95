import type { Connection, Watch } from './subject.js';

/** How long all of a group may take for one thing. Far above any figure of interest. */
const TIMEOUT_MS = 120_000;

/** Watches of one service, each of which is to see the same. */
export class WatcherGroup {
  readonly watches: Watch[] = [];
  /** Messages that came, by all. */
  messages = 0;
  #awaited = 0;
  #done: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  #onChange: () => void = () => undefined;

  /** Opens `perConnection` watches on each connection, and waits until each has its first view. */
  static async open(
    connections: readonly Connection[],
    { service, perConnection }: { readonly service: string; readonly perConnection: number },
  ): Promise<WatcherGroup> {
    const group = new WatcherGroup();
    const opened = group.#all(connections.length * perConnection, 'have their first view');
    for (const connection of connections) {
      for (let index = 0; index < perConnection; index++) {
        const watch = connection.watch(service, {
          onMessage: (kind) => {
            group.messages++;
            if (kind === 'change') group.#onChange();
            if (kind === 'change' || kind === 'view') group.#count();
          },
          onEnd: (error) => group.#fail(error),
        });
        group.watches.push(watch);
      }
    }
    await opened;
    return group;
  }

  /** Makes one change and waits until each watch has seen it; `onChange` is called for each. */
  async see(change: () => Promise<void>, onChange: () => void = () => undefined): Promise<void> {
    this.#onChange = onChange;
    const seen = this.#all(this.watches.length, 'have seen a change');
    await Promise.all([change(), seen]);
  }

  #all(count: number, what: string): Promise<void> {
    this.#awaited = count;
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`after ${TIMEOUT_MS} ms ${this.#awaited} watches do not ${what} yet`));
      const timer = setTimeout(late, TIMEOUT_MS);
      this.#done = { resolve: () => (clearTimeout(timer), resolve()), reject };
    });
  }

  #count(): void {
    if (--this.#awaited === 0) this.#done?.resolve();
  }

  #fail(error: Error): void {
    this.#done?.reject(error);
  }
}
