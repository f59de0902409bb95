import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** Node tells here of each socket that is about to connect. */
const CHANNEL = 'net.client.socket';

const context = new AsyncLocalStorage<Set<Socket>>();
let usersNow = 0;

function note(message: unknown): void {
  const socket = (message as { readonly socket: Socket }).socket;
  const sockets = context.getStore();
  if (sockets === undefined) return;
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
}

/**
 * The sockets that are opened in the course of some work, so that work given up
 * can be broken off. grpc-js goes on connecting when its channel has been
 * closed, for as long as TCP or TLS take, and keeps the process alive with it;
 * and it has no other handle on its sockets.
 *
 * In use only while something connects: following asynchronous contexts makes
 * all promises of a process a little slower.
 */
export class OpenedSockets {
  readonly #sockets = new Set<Socket>();
  #released = false;

  constructor() {
    if (usersNow++ === 0) subscribe(CHANNEL, note);
  }

  /** Does work whose sockets are these, also those that it opens later. */
  run<T>(work: () => T): T {
    return context.run(this.#sockets, work);
  }

  /** Leaves the sockets to the work, which has succeeded. Idempotent. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#sockets.clear();
    if (--usersNow > 0) return;
    unsubscribe(CHANNEL, note);
    context.disable();
  }

  /** Breaks the work off. Idempotent. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.release();
  }
}
