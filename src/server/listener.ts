import { lookup } from 'node:dns/promises';
import { createServer, isIP, type AddressInfo, type Server, type Socket } from 'node:net';
import { RollcallError } from '../core/errors.js';
import { messageOf } from '../lib/message-of.js';

/**
 * Connections that may wait to be accepted; the kernel allows as many as its own bound does (on Linux
 * `net.core.somaxconn`, 4,096). With Node's 511, of thousands of clients that come back at once most are not heard, and
 * try again a second later.
 */
const BACKLOG = 65_535;

export interface ListenerOptions {
  /** Called with each connection, which is the callee's from then on. */
  readonly onConnection: (socket: Socket) => void;
  /** A connection could not be accepted; the next may be. */
  readonly onError: (error: Error) => void;
}

/** Accepts connections on every address of a host that this machine has. */
export class Listener {
  /** `HOST:PORT` as asked for, with the port that was bound. */
  readonly address: string;
  readonly #servers: readonly Server[];

  /**
   * Begins to listen on `HOST:PORT`; port 0 picks a free one.
   *
   * @throws RollcallError ADDRESS_UNAVAILABLE
   */
  static async open(listen: string, options: ListenerOptions): Promise<Listener> {
    const colon = listen.lastIndexOf(':');
    const host = listen.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
    let port = Number(listen.slice(colon + 1));
    const servers: Server[] = [];
    let missing: unknown;
    try {
      for (const address of await addressesOf(host)) {
        try {
          const server = await serverOn(address, port, options);
          servers.push(server);
          // The other addresses of the host have the port that the first was given.
          port = (server.address() as AddressInfo).port;
        } catch (error) {
          if (!isMissing(error)) throw error;
          missing = error;
        }
      }
      if (servers.length === 0) throw missing;
    } catch (error) {
      for (const server of servers) server.close();
      const why = messageOf(error).includes('EADDRINUSE') ? 'something else listens there' : messageOf(error);
      throw new RollcallError('ADDRESS_UNAVAILABLE', `cannot listen on ${listen}: ${why}`, { cause: error });
    }
    return new Listener(`${listen.slice(0, colon)}:${port}`, servers);
  }

  private constructor(address: string, servers: readonly Server[]) {
    this.address = address;
    this.#servers = servers;
  }

  /** Accepts no more; connections that are open stay so. Idempotent. */
  close(): void {
    for (const server of this.#servers) server.close();
  }
}

/** Whether the machine does not have the address: `localhost` has one of IPv6 also where that is off. */
function isMissing(error: unknown): boolean {
  return /EADDRNOTAVAIL|EAFNOSUPPORT/.test(messageOf(error));
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  return [...new Set((await lookup(host, { all: true })).map(({ address }) => address))];
}

function serverOn(host: string, port: number, { onConnection, onError }: ListenerOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(onConnection);
    server.once('error', reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject);
      server.on('error', onError);
      resolve(server);
    });
  });
}
