import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A network between a client and a server, which a test can break. Owned by whoever started it. */
export interface TcpProxy extends AsyncDisposable {
  /** Where clients connect instead. */
  readonly address: string;
  /** Passes nothing on any more, in either direction and on new connections too, and closes nothing: a cable that was cut. */
  silence(): void;
  /** Passes on again what {@link silence} held back. */
  restore(): void;
  /** Resets every connection. */
  sever(): void;
}

/** Passes connections on to `target`, a `host:port`. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const [host = '', port = ''] = target.split(':');
  const sockets = new Set<Socket>();
  let silent = false;

  const hold = (socket: Socket, other: () => Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('data', (bytes) => other().write(bytes));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      if (!silent) other().destroy();
    });
    if (silent) socket.pause();
  };

  const server = createServer((inside) => {
    const outside = connect(Number(port), host);
    hold(inside, () => outside);
    hold(outside, () => inside);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    silence() {
      silent = true;
      for (const socket of sockets) socket.pause();
    },
    restore() {
      silent = false;
      for (const socket of sockets) socket.resume();
    },
    sever() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
