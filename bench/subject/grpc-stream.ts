import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';

export interface GrpcStreamListener {
  onMessage(bytes: Buffer): void;
  /** The stream ended without having been closed. */
  onEnd(error: Error): void;
}

/**
 * A connection for server streams of gRPC that cuts messages off HTTP/2 and does
 * nothing else. A driver of a thousand watches on two cores must cost less than
 * the server it measures; a whole gRPC client costs more.
 */
export class GrpcStreams {
  readonly #session: ClientHttp2Session;
  readonly #streams: GrpcStream[] = [];

  constructor(address: string) {
    // The memory limit would refuse streams long before the server does.
    this.#session = connect(`http://${address}`, { maxSessionMemory: 1_000 });
    // Each stream tells of it, too.
    this.#session.on('error', () => undefined);
  }

  open(path: string, request: Buffer, listener: GrpcStreamListener): GrpcStream {
    const stream = this.#session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
    });
    const frame = Buffer.alloc(PREFIX_BYTES + request.length);
    frame.writeUInt32BE(request.length, 1);
    request.copy(frame, PREFIX_BYTES);
    stream.end(frame);
    const opened = new GrpcStream(stream, listener);
    this.#streams.push(opened);
    return opened;
  }

  /** Closes the streams, too. */
  close(): void {
    for (const stream of this.#streams) stream.close();
    this.#session.destroy();
  }
}

/** Before each message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

export class GrpcStream {
  /** Resolves once the server has begun to answer. */
  readonly answered: Promise<void>;
  readonly #stream: ClientHttp2Stream;
  readonly #onMessage: (bytes: Buffer) => void;
  /** What came of a message that is not there whole, and how much is wanted of it. */
  #parts: Buffer[] = [];
  #bytes = 0;
  #wantedBytes = PREFIX_BYTES;
  #closed = false;

  constructor(stream: ClientHttp2Stream, { onMessage, onEnd }: GrpcStreamListener) {
    this.#stream = stream;
    this.#onMessage = onMessage;
    let ended = 'the connection was lost';
    stream.on('error', (error) => (ended = error.message));
    stream.on('trailers', (headers) => (ended = `${headers['grpc-status']}: ${headers['grpc-message']}`));
    stream.on('close', () => this.#closed || onEnd(new Error(ended)));
    stream.on('data', (chunk: Buffer) => this.#cut(chunk));
    this.answered = new Promise((resolve) => stream.once('response', () => resolve()));
  }

  /** Takes no more off the connection; what the server may send without being told is 64 KiB. */
  pause(): void {
    this.#stream.pause();
  }

  close(): void {
    this.#closed = true;
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #cut(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    // Joined only when it may hold a whole message: a large one comes in many parts.
    if (this.#bytes < this.#wantedBytes) return;
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#bytes);
    let start = 0;
    this.#wantedBytes = PREFIX_BYTES;
    while (bytes.length - start >= PREFIX_BYTES) {
      this.#wantedBytes = PREFIX_BYTES + bytes.readUInt32BE(start + 1);
      if (bytes.length - start < this.#wantedBytes) break;
      this.#onMessage(bytes.subarray(start + PREFIX_BYTES, start + this.#wantedBytes));
      start += this.#wantedBytes;
      this.#wantedBytes = PREFIX_BYTES;
    }
    this.#bytes = bytes.length - start;
    this.#parts = this.#bytes === 0 ? [] : [bytes.subarray(start)];
  }
}
