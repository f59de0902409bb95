import { encodeMessage } from '../../../src/core/encode-message.js';
import { Endpoint } from '../../../src/gen/rollcall/v1/endpoint.js';

const endpointOf = (id: string) => Endpoint.fromPartial({ service: 'payments', id, labels: { zone: 'naïve' } });

test('a message is encoded as the generated code does', () => {
  for (const id of ['a', 'b'.repeat(100_000), '']) {
    expect(encodeMessage(Endpoint, endpointOf(id)).equals(Endpoint.encode(endpointOf(id)).finish())).toBe(true);
  }
});

test('the bytes of a message stay as they are when another is encoded', () => {
  const first = encodeMessage(Endpoint, endpointOf('first'));
  const copy = Buffer.from(first);
  encodeMessage(Endpoint, endpointOf('other'));
  expect(first.equals(copy)).toBe(true);
});

test('a message that cannot be encoded leaves nothing behind for the next', () => {
  const impossible = { ...endpointOf('a'), addresses: [{ host: 'h', port: -1 }] };
  expect(() => encodeMessage(Endpoint, impossible)).toThrow(/./);
  expect(encodeMessage(Endpoint, endpointOf('b')).equals(Endpoint.encode(endpointOf('b')).finish())).toBe(true);
});
