import { constants, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';

export interface GrpcStreamListener {
  onMessage(bytes: Buffer): void;
  /** The call ended without having been closed here; the error tells its status, which may be OK. */
  onEnd(error: Error): void;
}

/** Before each message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

/** Messages as gRPC writes them, to be sent at once. */
export function framesOf(messages: readonly Buffer[]): Buffer {
  const bytes = messages.reduce((sum, message) => sum + PREFIX_BYTES + message.length, 0);
  const frames = Buffer.alloc(bytes);
  let start = 0;
  for (const message of messages) {
    frames.writeUInt32BE(message.length, start + 1);
    message.copy(frames, start + PREFIX_BYTES);
    start += PREFIX_BYTES + message.length;
  }
  return frames;
}

/** One call. Of what comes in it hands on each message as it is. */
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
    stream.on('trailers', (headers) => (ended = statusOf(headers) ?? ended));
    stream.on('close', () => this.#closed || onEnd(new Error(ended)));
    stream.on('data', (chunk: Buffer) => this.#cut(chunk));
    this.answered = new Promise((resolve) => {
      stream.once('response', (headers) => {
        // An error that comes at once comes without trailers.
        ended = statusOf(headers) ?? ended;
        resolve();
      });
    });
  }

  /** Sends what {@link framesOf} made. */
  send(frames: Buffer): void {
    this.#stream.write(frames);
  }

  /** Sends the last of it. */
  end(frames: Buffer): void {
    this.#stream.end(frames);
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

/** A call's status and its message, if the headers have them. */
function statusOf(headers: IncomingHttpHeaders): string | undefined {
  const [status, message] = [headers['grpc-status'], headers['grpc-message']];
  return status === undefined ? undefined : `gRPC status ${String(status)} ${String(message ?? '')}`;
}
