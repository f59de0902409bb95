import { decodeStrictly } from '../../../src/rpc/strict-reader.js';
import { Endpoint } from '../../../src/gen/rollcall/v1/endpoint.js';
import { RegisterRequest } from '../../../src/gen/rollcall/v1/registry.js';

const request = RegisterRequest.fromPartial({
  endpoint: { service: 'payments', id: 'a', labels: { v: 'naïve' }, addresses: [{ host: '::1', port: 1 }] },
  ttl: { seconds: 15n },
  requestId: 'r',
});
const encoded = RegisterRequest.encode(request).finish();
const decode = (bytes: Uint8Array) => decodeStrictly(bytes, (reader) => RegisterRequest.decode(reader));

test('what is well-formed is decoded as the generated decoder does', () => {
  expect(decode(encoded)).toEqual(RegisterRequest.decode(encoded));
});

test.each([
  ['text that is not UTF-8', [0x1a, 1, 0xff]],
  ['something behind field number 0', [0x00, 0x01]],
  ['something behind the end of a group', [0x1c, 0x01]],
  ['a wire type that does not exist', [0x1f]],
  ['a varint without an end', [0x80, 0x80]],
  ['the text __proto__', [0x1a, 9, ...Buffer.from('__proto__')]],
])('%s is refused', (_what, tail) => {
  expect(() => decode(Buffer.concat([encoded, Buffer.from(tail)]))).toThrow(/./);
});

test('no beginning of a message is taken for the whole, unless it ends between two fields', () => {
  const ends = [...encoded.keys()].filter((length) => {
    try {
      decode(encoded.subarray(0, length));
      return true;
    } catch {
      return false;
    }
  });
  const endpointEnds = 2 + Endpoint.encode(request.endpoint!).finish().length;
  expect(ends).toEqual([0, endpointEnds, endpointEnds + 4]);
});
