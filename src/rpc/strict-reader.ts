import { BinaryReader } from '@bufbuild/protobuf/wire';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes the message that a reader is at. */
type Decode<T> = (reader: BinaryReader) => T;

/**
 * Decodes a whole message, and refuses what the generated decoders would pass over in silence: text that is not UTF-8,
 * bytes behind a field number that cannot be, and the one key that an object of JavaScript cannot hold.
 *
 * @throws Error that says what is wrong with the bytes
 */
export function decodeStrictly<T>(bytes: Uint8Array, decode: Decode<T>): T {
  const reader = new StrictReader(bytes, (text) => utf8.decode(text));
  const message = decode(reader);
  if (reader.pos !== reader.len) throw new RangeError(`no field can begin at byte ${reader.pos}`);
  return message;
}

class StrictReader extends BinaryReader {
  override string(): string {
    const text = super.string();
    if (text === '__proto__') throw new RangeError('the text __proto__ is not allowed');
    return text;
  }
}
