import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** The half of what ts-proto generates for a message that writes it. */
interface MessageType<T> {
  encode(message: T, writer: BinaryWriter): BinaryWriter;
}

let shared = new BinaryWriter();

/**
 * A message's bytes, which are the caller's. One writer serves all messages: a
 * new one begins with a small buffer, and to make it grow costs as much as the
 * encoding.
 *
 * @throws Error when a field is out of its type's range
 */
export function encodeMessage<T>(type: MessageType<T>, message: T): Buffer {
  try {
    const bytes = type.encode(message, shared).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  } catch (error) {
    // It is half full.
    shared = new BinaryWriter();
    throw error;
  }
}
