import { once } from 'node:events';
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { framesOf, GrpcStream, type GrpcStreamListener } from './grpc-stream.js';

/**
 * A connection for calls of gRPC that cuts messages off HTTP/2 and does nothing
 * else. A driver of thousands of watches on two cores must cost less than the
 * server it measures; a whole gRPC client costs more.
 */
export class GrpcConnection {
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
  readonly #streams = new Set<GrpcStream>();

  /** Resolves once the server has told its settings; rejects if it cannot be reached. */
  static async open(address: string): Promise<GrpcConnection> {
    const { hostname, port } = new URL(`http://${address}`);
    const socket = connectTcp({ host: hostname, port: Number(port), noDelay: true });
    // The memory limit would refuse streams long before the server does.
    const session = connectHttp2(`http://${address}`, { createConnection: () => socket, maxSessionMemory: 1_000 });
    await once(session, 'remoteSettings');
    return new GrpcConnection(socket, session);
  }

  private constructor(socket: Socket, session: ClientHttp2Session) {
    this.#socket = socket;
    this.#session = session;
    // Each stream tells of it, too.
    session.on('error', () => undefined);
  }

  /** Bytes that came in so far, whatever they are. */
  get receivedBytes(): number {
    return this.#socket.bytesRead;
  }

  /** A call that is open on both sides. */
  open(path: string, listener: GrpcStreamListener): GrpcStream {
    const stream = new GrpcStream(
      this.#session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: path,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        [constants.HTTP2_HEADER_TE]: 'trailers',
      }),
      {
        onMessage: listener.onMessage,
        onEnd: (error) => {
          this.#streams.delete(stream);
          listener.onEnd(error);
        },
      },
    );
    this.#streams.add(stream);
    return stream;
  }

  /** A call with one message, and with one in answer. Rejects if the call fails. */
  unary(path: string, request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let answer: Buffer | undefined;
      const stream = this.open(path, {
        onMessage: (bytes) => (answer = bytes),
        onEnd: (error) => (answer === undefined ? reject(error) : resolve(answer)),
      });
      stream.end(framesOf([request]));
    });
  }

  /** Closes the calls, too. */
  close(): void {
    for (const stream of this.#streams) stream.close();
    this.#session.destroy();
  }
}
