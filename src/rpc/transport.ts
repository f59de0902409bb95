import type { ServerHttp2Stream } from 'node:http2';

/** What is under a call of grpc-js, with the counter for channelz. */
export interface Transport {
  readonly stream: ServerHttp2Stream;
  readonly callEventTracker?: { addMessageSent(): void } | null;
}

/**
 * grpc-js does not show it, so this may find nothing: in another version, or
 * where an interceptor stands in between, which must then see each message. The
 * call itself takes them in that case.
 */
export function transportOf(call: object): Transport | undefined {
  const { call: under } = call as { readonly call?: Partial<Transport> };
  return typeof under?.stream?.respond === 'function' ? (under as Transport) : undefined;
}

/**
 * Has a call to which the client may say more end however its stream is reset.
 * With NO_ERROR, Node waits until all was read and written, which is never where
 * the client has read nothing: the call would be kept as long as its connection,
 * and more and more of them.
 */
export function endWhenReset(call: object): void {
  const stream = transportOf(call)?.stream;
  // Not at once: Node is amid its own work on the stream.
  stream?.once('aborted', () => setImmediate(() => stream.destroy()));
}
