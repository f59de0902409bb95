import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  countKeys,
  headerRevision,
  rangeRequest,
  readWatchResponse,
  wasKeptAlive,
} from '../../../bench/subject/etcd-messages.js';

const { LengthDelimited, Varint } = WireType;
const clusterId = 14_841_639_068_965_178_418n;

const written = (writer: BinaryWriter) => Buffer.from(writer.finish());
const withHeader = (revision: number) => {
  const header = new BinaryWriter()
    .tag(1, Varint)
    .uint64(clusterId)
    .tag(3, Varint)
    .int64(revision)
    .tag(4, Varint)
    .uint64(2);
  return new BinaryWriter().tag(1, LengthDelimited).bytes(header.finish());
};
const keyValue = (modRevision: number) =>
  new BinaryWriter()
    .tag(1, LengthDelimited)
    .string('/services/a/b')
    .tag(2, Varint)
    .int64(1)
    .tag(3, Varint)
    .int64(modRevision);
const event = (modRevision: number) => new BinaryWriter().tag(2, LengthDelimited).bytes(keyValue(modRevision).finish());

describe("etcd's messages", () => {
  it('tell the revision of their header', () => {
    expect(headerRevision(written(withHeader(77).tag(4, Varint).int64(3)))).toBe(77);
  });

  it('tell how far the events of a watch go, whatever the header says', () => {
    const response = withHeader(99).tag(2, Varint).int64(5);
    for (const revision of [7, 8]) response.tag(11, LengthDelimited).bytes(event(revision).finish());
    expect(readWatchResponse(written(response))).toEqual({
      watchId: 5,
      created: false,
      canceled: false,
      events: 2,
      lastRevision: 8,
    });
  });

  it('tell that a watch was created or cancelled', () => {
    const created = readWatchResponse(written(withHeader(1).tag(2, Varint).int64(5).tag(3, Varint).bool(true)));
    expect(created).toMatchObject({ watchId: 5, created: true, events: 0 });
    const canceled = readWatchResponse(written(withHeader(1).tag(2, Varint).int64(5).tag(4, Varint).bool(true)));
    expect(canceled).toMatchObject({ canceled: true });
  });

  it('tell a lease that is kept from one that is gone', () => {
    expect(wasKeptAlive(written(withHeader(1).tag(2, Varint).int64(4).tag(3, Varint).int64(60)))).toBe(true);
    expect(wasKeptAlive(written(withHeader(1).tag(2, Varint).int64(4)))).toBe(false);
  });

  it('are refused where keys are missing that etcd counts', () => {
    const kvs = () => withHeader(1).tag(2, LengthDelimited).bytes(keyValue(3).finish());
    expect(countKeys(written(kvs().tag(4, Varint).int64(1)))).toBe(1);
    expect(() => countKeys(written(kvs().tag(4, Varint).int64(2)))).toThrow('1 keys where etcd counts 2');
  });

  it('ask for the keys of a prefix up to the next prefix', () => {
    const expected = new BinaryWriter().tag(1, LengthDelimited).string('/services/a/').tag(2, LengthDelimited);
    expect(rangeRequest('/services/a/')).toEqual(written(expected.string('/services/a0')));
  });
});
