import { BinaryWriter } from '@bufbuild/protobuf/wire';

const WIRE = { varint: 0, bit64: 1, lengthDelimited: 2, startGroup: 3, bit32: 5 };

/** Whole numbers below a bound. */
type Pick = (below: number) => number;

/** A field of an encoded message, or of a message inside it. */
interface Field {
  readonly at: number;
  readonly tagEnd: number;
  /** Where the value begins: behind the length, if it has one. */
  readonly valueAt: number;
  readonly end: number;
  readonly wireType: number;
}

type Mutation = (message: Buffer, pick: Pick, others: readonly Buffer[]) => Buffer;

const LONGEST_VARINT = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
const VARINT_TOO_LONG = Buffer.alloc(11, 0xff);
/** Bytes of text and of numbers that are at an edge of something. */
const EDGES = [
  Buffer.alloc(0),
  Buffer.from([0]),
  LONGEST_VARINT,
  VARINT_TOO_LONG,
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]),
  Buffer.from([0x80, 0x80, 0x80, 0x80, 0x08]),
  Buffer.from('__proto__'),
  Buffer.from('constructor'),
  Buffer.from([0xc3]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from('\u{1f600}'.repeat(70)),
  Buffer.from('%00\r\n\0'),
];

/** Each of them for a field picked at random; a message without fields is left as it is. */
const onField =
  (change: (message: Buffer, field: Field, pick: Pick) => Buffer): Mutation =>
  (message, pick) => {
    const fields = fieldsOf(message);
    return fields.length === 0 ? message : change(message, fields[pick(fields.length)]!, pick);
  };

const MUTATIONS: readonly Mutation[] = [
  function flipBit(message, pick) {
    if (message.length === 0) return message;
    const flipped = Buffer.from(message);
    const at = pick(message.length);
    flipped[at] = flipped[at]! ^ (1 << pick(8));
    return flipped;
  },
  function truncate(message, pick) {
    return message.subarray(0, pick(message.length + 1));
  },
  function insertBytes(message, pick) {
    const at = pick(message.length + 1);
    return splice(message, at, at, Buffer.from(Array.from({ length: 1 + pick(8) }, () => pick(256))));
  },
  function insertUnknownField(message, pick) {
    const writer = new BinaryWriter().uint32((((16 + pick(100_000)) << 3) | pick(8)) >>> 0);
    const value = EDGES[pick(EDGES.length)]!;
    const fields = fieldsOf(message);
    const at = fields.length === 0 ? 0 : fields[pick(fields.length)]!.at;
    return splice(message, at, at, Buffer.from(writer.bytes(value).finish()));
  },
  function nest(_message, pick) {
    const depth = 1 + pick(pick(2) === 0 ? 12_000 : 200);
    const number = 1 + pick(8);
    // Groups, which a reader that skips them follows to the bottom.
    if (pick(2) === 0) return Buffer.alloc(depth, (number << 3) | WIRE.startGroup);
    let nested: Uint8Array = new Uint8Array(0);
    for (let level = 0; level < Math.min(depth, 300); level++) {
      nested = new BinaryWriter()
        .uint32((number << 3) | WIRE.lengthDelimited)
        .bytes(nested)
        .finish();
    }
    return Buffer.from(nested);
  },
  function crossOver(message, pick, others) {
    const other = others[pick(others.length)]!;
    return Buffer.concat([message.subarray(0, pick(message.length + 1)), other.subarray(pick(other.length + 1))]);
  },
  onField(function changeWireType(message, { at }, pick) {
    const changed = Buffer.from(message);
    changed[at] = (changed[at]! & ~7) | pick(8);
    return changed;
  }),
  onField(function changeNumber(message, { at }, pick) {
    const changed = Buffer.from(message);
    changed[at] = (changed[at]! & 0x87) | (pick(16) << 3);
    return changed;
  }),
  onField(function changeLength(message, { tagEnd, valueAt, wireType }, pick) {
    if (wireType !== WIRE.lengthDelimited) return message;
    const lengths = [0, 1, 0x7f, valueAt, message.length, 0x7fff_ffff, 0xffff_ffff];
    const length = lengths[pick(lengths.length)]!;
    return splice(message, tagEnd, valueAt, Buffer.from(new BinaryWriter().uint32(length).finish()));
  }),
  onField(function replaceValue(message, field, pick) {
    const { tagEnd, end, wireType } = field;
    const edge = EDGES[pick(EDGES.length)]!;
    const value = wireType === WIRE.lengthDelimited ? Buffer.from(new BinaryWriter().bytes(edge).finish()) : edge;
    return splice(message, tagEnd, end, value);
  }),
  onField(function duplicate(message, { at, end }, pick) {
    const copies = 1 + pick(pick(8) === 0 ? 70 : 3);
    const field = message.subarray(at, end);
    return splice(message, end, end, Buffer.concat(Array.from({ length: copies }, () => field)));
  }),
  onField(function remove(message, { at, end }) {
    return splice(message, at, end, Buffer.alloc(0));
  }),
];

/** What fits into one frame with gRPC's own bytes. */
const BYTES_MAX = 16_000;

/** One of `messages`, damaged in one way or two: what a faulty client or a hostile one would send. */
export function mutated(messages: readonly Buffer[], pick: Pick): Buffer {
  let message = messages[pick(messages.length)]!;
  for (let times = pick(3) === 0 ? 2 : 1; times > 0; times--) {
    message = MUTATIONS[pick(MUTATIONS.length)]!(message, pick, messages);
  }
  return message.subarray(0, BYTES_MAX);
}

function splice(message: Buffer, from: number, to: number, replacement: Buffer): Buffer {
  return Buffer.concat([message.subarray(0, from), replacement, message.subarray(to)]);
}

/** All fields, those of inner messages too: what has a length and can be read as fields is taken for a message. */
function fieldsOf(message: Buffer, from = 0, to = message.length): Field[] {
  const fields: Field[] = [];
  for (let at = from; at < to;) {
    const tag = varintAt(message, at, to);
    const wireType = tag === undefined ? -1 : tag.value & 7;
    if (tag === undefined || tag.value >>> 3 === 0) return [];
    const value = varintAt(message, tag.end, to);
    let valueAt = tag.end;
    let end: number;
    if (wireType === WIRE.varint) end = value?.end ?? Infinity;
    else if (wireType === WIRE.bit64) end = tag.end + 8;
    else if (wireType === WIRE.bit32) end = tag.end + 4;
    else if (wireType === WIRE.lengthDelimited && value !== undefined) {
      valueAt = value.end;
      end = valueAt + value.value;
    } else return [];
    if (end > to) return [];
    fields.push({ at, tagEnd: tag.end, valueAt, end, wireType });
    if (wireType === WIRE.lengthDelimited) fields.push(...fieldsOf(message, valueAt, end));
    at = end;
  }
  return fields;
}

function varintAt(
  message: Buffer,
  at: number,
  to: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let index = at; index < to && index < at + 10; index++) {
    const byte = message[index]!;
    value += (byte & 0x7f) * 2 ** (7 * (index - at));
    if (byte < 0x80) return { value, end: index + 1 };
  }
  return undefined;
}
