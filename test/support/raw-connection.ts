import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  dataFrame,
  encodeHeaders,
  FLAG,
  FrameSplitter,
  headersFrames,
  pingFrame,
  PREFACE,
  SETTING,
  settingsAck,
  settingsFrame,
  TYPE,
  windowUpdateFrame,
  type RawFrame,
} from './raw-frames.js';

/** How a connection ended. */
export type RawEnd = 'closed by the server' | 'reset by the server' | 'closed here';

/** What came of one stream. */
export interface RawOutcome {
  /** Of the trailers; undefined if the stream was reset, was not gRPC, or its connection ended first. */
  readonly grpcStatus: number | undefined;
  /** The code of RST_STREAM, if that ended it. */
  readonly reset: number | undefined;
  /** DATA frames that came. */
  readonly dataFrames: number;
}

interface OpenStream {
  grpcStatus: number | undefined;
  dataFrames: number;
  window: number;
  readonly untilData: boolean;
  readonly settle: (outcome: RawOutcome) => void;
}

const WINDOW_MAX = 2 ** 31 - 1;
const WINDOW_DEFAULT = 65_535;

/** `grpc-status` in the Huffman code of HPACK, length in front, as nghttp2 writes it when nothing may be indexed. */
const GRPC_STATUS = Buffer.from([0x88, 0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f]);

/**
 * A client below HTTP/2: any frames, in any order, on a socket of its own. It answers nothing by itself but SETTINGS and
 * PING. For calls in order there is {@link call}.
 */
export class RawConnection implements Disposable {
  readonly socket: Socket;
  /** How it ended, once it has. */
  readonly ended: Promise<RawEnd>;
  /** Codes of GOAWAY frames that came. */
  readonly goaways: number[] = [];
  readonly #splitter = new FrameSplitter();
  readonly #streams = new Map<number, OpenStream>();
  readonly #onFrame: (frame: RawFrame) => void;
  #window = WINDOW_DEFAULT;
  #waiting: (() => void)[] = [];
  #nextStream = 1;
  #isOver = false;

  /** Connects, and says no word. */
  static async open(address: string, onFrame: (frame: RawFrame) => void = () => undefined): Promise<RawConnection> {
    const [host = '', port] = address.split(':');
    const socket = connect({ host, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new RawConnection(socket, onFrame);
  }

  /** Connects, and says what a client of HTTP/2 has to say first, with all windows as wide as can be. */
  static async greet(address: string, onFrame?: (frame: RawFrame) => void): Promise<RawConnection> {
    const connection = await RawConnection.open(address, onFrame);
    const settings = settingsFrame([
      // Else grpc-status would be told by its place in a table that we do not keep.
      [SETTING.headerTableSize, 0],
      [SETTING.initialWindowSize, WINDOW_MAX],
    ]);
    connection.write(Buffer.concat([PREFACE, settings, windowUpdateFrame(0, WINDOW_MAX - WINDOW_DEFAULT)]));
    return connection;
  }

  private constructor(socket: Socket, onFrame: (frame: RawFrame) => void) {
    this.socket = socket;
    this.#onFrame = onFrame;
    socket.on('data', (bytes: Buffer) => {
      for (const frame of this.#splitter.take(bytes)) this.#take(frame);
    });
    let broken = false;
    socket.on('error', () => (broken = true));
    this.ended = new Promise((resolve) => {
      socket.on('close', () => {
        this.#isOver = true;
        for (const id of [...this.#streams.keys()]) this.#settle(id, undefined);
        this.#wakeAll();
        resolve(broken ? 'reset by the server' : socket.readableEnded ? 'closed by the server' : 'closed here');
      });
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** A stream that was not used before. */
  nextStream(): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return stream;
  }

  /** Sends bytes as they are. What is written to a connection that is over is lost. */
  write(bytes: Buffer): void {
    if (!this.#isOver) this.socket.write(bytes);
  }

  /** Sends bytes as they are, and resolves once the kernel has taken all but a little, or the connection is over. */
  async send(bytes: Buffer): Promise<void> {
    if (this.#isOver || this.socket.write(bytes)) return;
    await Promise.race([new Promise<void>((resolve) => this.socket.once('drain', resolve)), this.ended]);
  }

  /**
   * Makes one call whose body is in so many DATA frames as there are `parts`, keeping to the server's windows, and
   * resolves to what came of it: once it ended, or with the first DATA frame if `untilData`. With `unfinished` the stream
   * is never ended from here. Never rejects.
   */
  async call(
    block: Buffer,
    parts: readonly Buffer[],
    { untilData = false, unfinished = false } = {},
  ): Promise<RawOutcome> {
    if (this.#isOver) return { grpcStatus: undefined, reset: undefined, dataFrames: 0 };
    const id = this.nextStream();
    const outcome = new Promise<RawOutcome>((settle) => {
      this.#streams.set(id, { grpcStatus: undefined, dataFrames: 0, window: WINDOW_DEFAULT, untilData, settle });
    });
    this.socket.cork();
    process.nextTick(() => this.socket.uncork());
    this.socket.write(headersFrames(id, block));
    for (const [index, part] of parts.entries()) {
      const stream = this.#streams.get(id);
      if (stream === undefined) break;
      while (Math.min(this.#window, stream.window) < part.length && this.#streams.has(id)) await this.#windowChange();
      this.#window -= part.length;
      stream.window -= part.length;
      const isLast = index === parts.length - 1;
      this.write(dataFrame(id, part, isLast && !unfinished ? FLAG.endStream : FLAG.none));
    }
    return outcome;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #take(frame: RawFrame): void {
    const { type, flags, stream, payload } = frame;
    this.#onFrame(frame);
    if (type === TYPE.settings && (flags & FLAG.ack) === 0) this.write(settingsAck());
    if (type === TYPE.ping && (flags & FLAG.ack) === 0) this.write(pingFrame(FLAG.ack, payload));
    if (type === TYPE.goaway) this.goaways.push(Buffer.from(payload).readUInt32BE(4));
    const open = this.#streams.get(stream);
    if (type === TYPE.windowUpdate) {
      const bytes = Buffer.from(payload).readUInt32BE(0);
      if (stream === 0) this.#window += bytes;
      else if (open !== undefined) open.window += bytes;
      this.#wakeAll();
    }
    if (open === undefined) return;
    if (type === TYPE.headers) open.grpcStatus = grpcStatusOf(payload) ?? open.grpcStatus;
    if (type === TYPE.data && payload.length > 0) open.dataFrames++;
    if (type === TYPE.reset) this.#settle(stream, Buffer.from(payload).readUInt32BE(0));
    else if ((type === TYPE.headers || type === TYPE.data) && (flags & FLAG.endStream) !== 0)
      this.#settle(stream, undefined);
    else if (open.untilData && open.dataFrames > 0) this.#settle(stream, undefined);
  }

  #windowChange(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wakeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #settle(stream: number, reset: number | undefined): void {
    const open = this.#streams.get(stream)!;
    this.#streams.delete(stream);
    this.#wakeAll();
    open.settle({ grpcStatus: open.grpcStatus, reset, dataFrames: open.dataFrames });
  }
}

/** The header block of a gRPC call. */
export function callHeaders(path: string, more: Readonly<Record<string, string>> = {}): Buffer {
  return encodeHeaders({
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    // nghttp2 refuses a request without one.
    ':authority': 'localhost',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...more,
  });
}

/** The one header that we look for in a header block. */
function grpcStatusOf(block: Uint8Array): number | undefined {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.length);
  const at = bytes.indexOf(GRPC_STATUS);
  if (at < 0) return undefined;
  const valueAt = at + GRPC_STATUS.length + 1;
  // A code of one or two digits is no shorter in Huffman code, so it is written as it is.
  return Number(bytes.toString('latin1', valueAt, valueAt + bytes[valueAt - 1]!));
}
