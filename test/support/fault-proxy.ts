import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { FaultLine, type CorruptionOptions, type Passage } from './fault-line.js';

/** One way through the proxy. */
export type Direction = 'toServer' | 'toClient';

/**
 * A network between a client and a server, which a test can break. What is asked without a direction holds for both;
 * what slows or damages bytes holds for new connections too, until {@link restore}. Bytes keep their order, and
 * back-pressure goes through: a peer that does not read stops the one that writes. Owned by whoever started it.
 */
export interface FaultProxy extends AsyncDisposable {
  /** Where clients connect instead. */
  readonly address: string;
  /** How many connections there are. */
  readonly connections: number;
  /** Passes nothing on any more, on new connections too, and closes nothing: a cable that was cut, or only half of it. */
  silence(direction?: Direction): void;
  /** Holds each byte back for so many milliseconds. */
  delay(latencyMs: number, direction?: Direction): void;
  /** Passes on at most so many bytes a second, on each connection. */
  throttle(bytesPerSecond: number, direction?: Direction): void;
  /** Flips one bit in each of so many bytes, from here on; counted for each direction alone. */
  corrupt(options: CorruptionOptions, direction?: Direction): void;
  /** Ends silence, delay, throttling and corruption. What was held back is passed on, the closing of connections too. */
  restore(): void;
  /** Closes every connection in good order (FIN), on both sides. What was under way is lost. */
  cut(): void;
  /** Resets every connection (RST), on both sides. */
  sever(): void;
  /** Closes every connection towards one peer (FIN), while that to the other stays open, says nothing and reads nothing. */
  halfOpen(closed: 'client' | 'server'): void;
}

interface Relay {
  /** The socket of the client. */
  readonly client: Socket;
  /** The socket of the server. */
  readonly server: Socket;
  readonly passages: readonly Passage[];
}

/** Passes connections on to `target`, a `host:port`. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const [host = '', port = ''] = target.split(':');
  const relays = new Set<Relay>();
  const lines = { toServer: new FaultLine(), toClient: new FaultLine() };
  const linesOf = (direction?: Direction) => (direction === undefined ? Object.values(lines) : [lines[direction]]);

  // Half-open sockets, so that each direction is closed when its own end has passed, and not before.
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const server = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true });
    const passages = [lines.toServer.lead(client, server), lines.toClient.lead(server, client)];
    const relay = { client, server, passages };
    relays.add(relay);
    for (const socket of [client, server]) {
      // What broke is told by 'close'.
      socket.on('error', () => undefined);
      socket.on('close', () => client.closed && server.closed && relays.delete(relay));
    }
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');

  /** Nothing passes any more on the connections that there are; then closes them in some way. */
  const closeEach = (close: (relay: Relay) => void) => {
    for (const relay of relays) {
      for (const passage of relay.passages) passage.stop();
      close(relay);
    }
  };

  return {
    address: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    get connections() {
      return relays.size;
    },
    silence: (direction) => linesOf(direction).forEach((line) => line.silence()),
    delay: (latencyMs, direction) => linesOf(direction).forEach((line) => line.delay(latencyMs)),
    throttle: (bytesPerSecond, direction) => linesOf(direction).forEach((line) => line.throttle(bytesPerSecond)),
    corrupt: (options, direction) => linesOf(direction).forEach((line) => line.corrupt(options)),
    restore: () => linesOf().forEach((line) => line.restore()),
    cut: () => closeEach(({ client, server }) => [client, server].forEach(sayGoodbye)),
    sever: () => closeEach(({ client, server }) => [client, server].forEach((socket) => socket.resetAndDestroy())),
    halfOpen: (closed) => closeEach((relay) => sayGoodbye(relay[closed])),
    async [Symbol.asyncDispose]() {
      closeEach(({ client, server }) => [client, server].forEach((socket) => socket.destroy()));
      listener.close();
      await once(listener, 'close');
    },
  };
}

/** Closes with FIN. What is still sent is read, and lost: to close with unread bytes would be a reset. */
function sayGoodbye(socket: Socket): void {
  socket.end();
  socket.resume();
}
