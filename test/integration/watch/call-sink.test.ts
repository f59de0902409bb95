import { once } from 'node:events';
import { connect } from 'node:http2';
import type { Writable } from 'node:stream';
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerOptions,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import { RollcallError } from '../../../src/core/errors.js';
import { CallTracker } from '../../../src/rpc/call-tracker.js';
import { CallSink } from '../../../src/rpc/call-sink.js';
import { framed } from '../../support/raw-http2.js';
import { until } from '../../support/until.js';

const METHOD = {
  path: '/test.Bytes/Follow',
  requestStream: false,
  responseStream: true,
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
};

const context = { calls: new CallTracker(), onDefect: () => undefined };

/** A server whose calls go to `serve`. */
async function listen(
  serve: (sink: CallSink, call: ServerWritableStream<Buffer, Buffer>) => void,
  options: ServerOptions = {},
): Promise<{ server: Server; port: number }> {
  const server = new Server(options);
  server.addService(
    { follow: METHOD },
    { follow: (call: ServerWritableStream<Buffer, Buffer>) => serve(new CallSink(call, context), call) },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { server, port };
}

/** A server that leaves its first call to the test. */
async function serving() {
  let onCall: (first: { sink: CallSink; call: ServerWritableStream<Buffer, Buffer> }) => void;
  const called = new Promise<Parameters<typeof onCall>[0]>((resolve) => (onCall = resolve));
  const { server, port } = await listen((sink, call) => onCall({ sink, call }));
  return { port, called, [Symbol.asyncDispose]: async () => server.forceShutdown() };
}

/** What a caller gets of a call that `serve` answers. */
async function follow(
  serve: (sink: CallSink, call: ServerWritableStream<Buffer, Buffer>) => void,
  options: ServerOptions = {},
): Promise<{ messages: string[]; code: number }> {
  const { server, port } = await listen(serve, options);
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  try {
    const messages: string[] = [];
    const { requestSerialize, responseDeserialize, path } = METHOD;
    const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, Buffer.from('from here'));
    call.on('data', (message: Buffer) => messages.push(message.toString()));
    const code = await new Promise<number>((resolve) =>
      call.on('error', (error) => resolve((error as { code?: number }).code ?? -1)),
    );
    return { messages, code };
  } finally {
    client.close();
    server.forceShutdown();
  }
}

const goingAway = new RollcallError('SHUTTING_DOWN', 'this server is shutting down');

describe('CallSink', () => {
  const messages = ['', 'short', 'x'.repeat(100_000), 'last'];
  const unavailable = { messages, code: status.UNAVAILABLE };

  it('sends what it is given, in order, and then the status', async () => {
    const got = await follow((sink) => {
      for (const message of messages) sink.write(Buffer.from(message));
      sink.end(goingAway);
    });
    expect(got).toEqual(unavailable);
  });

  it('gives messages to HTTP/2 past the stream of grpc-js, which stays empty', async () => {
    let seen: object | undefined;
    await follow((sink, call) => {
      sink.write(Buffer.from('message'));
      seen = { idle: sink.idle, inCall: call.writableLength };
      sink.end(goingAway);
    });
    expect(seen).toEqual({ idle: false, inCall: 0 });
  });

  it('gives them to the call where an interceptor is to see them', async () => {
    const intercepted: string[] = [];
    const interceptor: ServerInterceptor = (_method, call) =>
      new ServerInterceptingCall(call, {
        sendMessage: (message: Buffer, next) => {
          intercepted.push(message.toString());
          next(message);
        },
      });
    const got = await follow(
      (sink) => {
        for (const message of messages) sink.write(Buffer.from(message));
        sink.end(goingAway);
      },
      { interceptors: [interceptor] },
    );
    expect(got).toEqual(unavailable);
    expect(intercepted).toEqual(messages);
  });

  it('tells when a message was taken, after which nothing waits', async () => {
    const got = await follow((sink) => {
      sink.write(Buffer.from('one'));
      sink.write(Buffer.from('two'), () => {
        sink.write(Buffer.from(sink.idle ? 'nothing waits' : 'something waits'));
        sink.end(goingAway);
      });
    });
    expect(got.messages).toEqual(['one', 'two', 'nothing waits']);
  });

  it('writes nothing after the end that grpc-js has made of a call whose deadline passed', async () => {
    await using stage = await serving();
    const session = connect(`http://127.0.0.1:${stage.port}`, { settings: { initialWindowSize: 10 } });
    const stream = session.request({
      ':method': 'POST',
      ':path': METHOD.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': '20m',
    });
    stream.end(framed(Buffer.from('from here')));
    const { sink, call } = await stage.called;
    sink.write(Buffer.from('more than the window takes'));
    const under = (call as unknown as { call: { stream: Writable } }).call.stream;
    await until('grpc-js has ended the stream', () => under.writableEnded);
    expect(call.cancelled).toBe(false);
    sink.write(Buffer.from('too late'));

    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const [trailers] = (await once(stream, 'trailers')) as [Record<string, string>];
    expect(Number(trailers['grpc-status'])).toBe(status.DEADLINE_EXCEEDED);
    expect(Buffer.concat(chunks)).toEqual(framed(Buffer.from('more than the window takes')));
    session.destroy();
  });
});
