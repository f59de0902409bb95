import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';

/** What came back on one stream: headers and trailers as they are on the wire. */
export interface RawAnswer {
  readonly httpStatus: number | undefined;
  readonly grpcStatus: number | undefined;
  readonly body: Buffer;
  readonly headers: IncomingHttpHeaders;
}

/** HTTP/2 without gRPC's manners: any headers, any bytes. */
export class RawHttp2 implements Disposable {
  readonly #session: ClientHttp2Session;

  constructor(address: string) {
    this.#session = connect(`http://${address}`);
    this.#session.on('error', () => undefined);
  }

  /** Sends one request with these body parts and resolves to the answer; rejects when the stream is reset. */
  request(path: string, body: readonly Buffer[], headers: OutgoingHttpHeaders = {}): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const sent = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers };
      const stream = this.#session.request(sent, { endStream: false });
      const chunks: Buffer[] = [];
      let received: IncomingHttpHeaders = {};
      stream.on('response', (more) => (received = { ...received, ...more }));
      stream.on('trailers', (more) => (received = { ...received, ...more }));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('end', () => {
        const grpcStatus = received['grpc-status'];
        resolve({
          httpStatus: received[':status'] as number | undefined,
          grpcStatus: grpcStatus === undefined ? undefined : Number(grpcStatus),
          body: Buffer.concat(chunks),
          headers: received,
        });
      });
      for (const part of body) stream.write(part);
      stream.end();
    });
  }

  /**
   * Sends one request and reads nothing of the answer: the stream's window fills and the server has to wait. `data` is
   * what was received once somebody listens.
   */
  unread(path: string, message: Buffer): ClientHttp2Stream {
    const stream = this.#session.request(
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
      { endStream: false },
    );
    stream.on('error', () => undefined);
    stream.end(framed(message));
    return stream;
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

/** The messages of a body, whose first five bytes each are gRPC's own. */
export class MessageSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** Takes the next bytes, and returns the messages that are complete with them. */
  *take(bytes: Buffer): Generator<Buffer> {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 5) {
      const end = 5 + this.#rest.readUInt32BE(1);
      if (this.#rest.length < end) return;
      yield this.#rest.subarray(5, end);
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** A message with gRPC's five bytes in front. */
export function framed(message: Buffer, { compressed = false } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
