/** A frame of HTTP/2, as it is and not as it should be. */
export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** What a client says before all else. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { none: 0, ack: 1, endStream: 1, endHeaders: 4 } as const;

export const SETTING = { headerTableSize: 1, initialWindowSize: 4, maxFrameSize: 5 } as const;

/** The code of RST_STREAM that a client sends which cancels. */
const CANCEL = 8;

const FRAME_HEAD_BYTES = 9;
/** What fits into a HEADERS or CONTINUATION frame before the server allows more. */
const FRAME_BYTES_MAX = 16_384;

export function encodeFrame({ type, flags, stream, payload }: RawFrame): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header block in which nothing is indexed and nothing compressed (HPACK, RFC 7541, 6.2.2). */
export function encodeHeaders(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => {
    const bytes = Buffer.from(value, 'latin1');
    return Buffer.concat([encodeLength(bytes.length), bytes]);
  };
  return Buffer.concat(Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** An integer of HPACK with a prefix of seven bits (RFC 7541, 5.1). */
function encodeLength(length: number): Buffer {
  if (length < 127) return Buffer.from([length]);
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

export function dataFrame(stream: number, payload: Uint8Array, flags: number = FLAG.none): Buffer {
  return encodeFrame({ type: TYPE.data, flags, stream, payload });
}

/** A header block in one HEADERS frame, and as many CONTINUATION frames as it needs. */
export function headersFrames(stream: number, block: Buffer, flags: number = FLAG.none): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += FRAME_BYTES_MAX) {
    const payload = block.subarray(at, at + FRAME_BYTES_MAX);
    const isLast = at + FRAME_BYTES_MAX >= block.length;
    const first = at === 0;
    frames.push(
      encodeFrame({
        type: first ? TYPE.headers : TYPE.continuation,
        flags: (first ? flags : FLAG.none) | (isLast ? FLAG.endHeaders : FLAG.none),
        stream,
        payload,
      }),
    );
  }
  return Buffer.concat(frames);
}

export function resetFrame(stream: number, code: number = CANCEL): Buffer {
  return encodeFrame({ type: TYPE.reset, flags: FLAG.none, stream, payload: uint32(code) });
}

export function windowUpdateFrame(stream: number, bytes: number): Buffer {
  return encodeFrame({ type: TYPE.windowUpdate, flags: FLAG.none, stream, payload: uint32(bytes) });
}

export function pingFrame(flags: number = FLAG.none, payload: Uint8Array = Buffer.alloc(8)): Buffer {
  return encodeFrame({ type: TYPE.ping, flags, stream: 0, payload });
}

/** SETTINGS by their identifiers. */
export function settingsFrame(settings: readonly (readonly [identifier: number, value: number])[] = []): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  for (const [index, [identifier, value]] of settings.entries()) {
    payload.writeUInt16BE(identifier, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return encodeFrame({ type: TYPE.settings, flags: FLAG.none, stream: 0, payload });
}

export function settingsAck(): Buffer {
  return encodeFrame({ type: TYPE.settings, flags: FLAG.ack, stream: 0, payload: Buffer.alloc(0) });
}

/** The frames in a stream of bytes. */
export class FrameSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** Takes the next bytes, and returns the frames that are complete with them. */
  *take(bytes: Buffer): Generator<RawFrame> {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= FRAME_HEAD_BYTES) {
      const end = FRAME_HEAD_BYTES + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      yield {
        type: this.#rest.readUInt8(3),
        flags: this.#rest.readUInt8(4),
        stream: this.#rest.readUInt32BE(5) & 0x7fff_ffff,
        payload: this.#rest.subarray(FRAME_HEAD_BYTES, end),
      };
      this.#rest = this.#rest.subarray(end);
    }
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
