import { once } from 'node:events';
import { encodeRequest, METHODS } from '../integration/bad-input/methods.js';
import { FaultStage } from '../support/fault-stage.js';
import { callHeaders, RawConnection } from '../support/raw-connection.js';
import {
  dataFrame,
  encodeFrame,
  encodeHeaders,
  FLAG,
  headersFrames,
  pingFrame,
  PREFACE,
  resetFrame,
  settingsFrame,
  TYPE,
  windowUpdateFrame,
} from '../support/raw-frames.js';
import { framed } from '../support/raw-http2.js';
import { within } from '../support/until.js';

jest.setTimeout(120_000);

let stage: FaultStage;

beforeAll(async () => {
  stage = await FaultStage.start();
});

afterAll(() => stage[Symbol.asyncDispose]());

const WATCH = callHeaders(METHODS.Watch.path);
const WATCHED = framed(encodeRequest('Watch', { service: 'a' }));

/** A client that has said its first words, attacks, and has to see its connection closed by the server. */
async function untilThrownOut(attack: (attacker: RawConnection) => Promise<void>): Promise<void> {
  using attacker = await RawConnection.greet(stage.server.address);
  await attack(attacker);
  const how = await within('the server closes the connection', attacker.ended);
  expect(how).not.toBe('closed here');
}

test('rapid reset: 20,000 streams, each cancelled as soon as it is open', async () => {
  await stage.endure('rapid reset', async () => {
    for (let streams = 0; streams < 20_000;) {
      using attacker = await RawConnection.greet(stage.server.address);
      for (; streams < 20_000 && !attacker.isOver; streams++) {
        const id = attacker.nextStream();
        await attacker.send(
          Buffer.concat([headersFrames(id, WATCH), dataFrame(id, WATCHED, FLAG.endStream), resetFrame(id)]),
        );
      }
    }
  });
});

test('rapid reset, made by the server: 10,000 streams with an error that has to be answered with a reset', async () => {
  await stage.endure('reset by the server', async () => {
    for (let streams = 0; streams < 10_000;) {
      using attacker = await RawConnection.greet(stage.server.address);
      for (; streams < 10_000 && !attacker.isOver; streams++) {
        const id = attacker.nextStream();
        // A window that is added nothing to is an error of its stream.
        await attacker.send(Buffer.concat([headersFrames(id, WATCH), windowUpdateFrame(id, 0)]));
      }
    }
  });
});

test('CONTINUATION without end', async () => {
  const block = encodeHeaders({ 'x-more': 'a'.repeat(1_000) });
  await stage.endure('CONTINUATION flood', async () => {
    for (let connection = 0; connection < 20; connection++) {
      await untilThrownOut(async (attacker) => {
        const stream = attacker.nextStream();
        await attacker.send(encodeFrame({ type: TYPE.headers, flags: FLAG.none, stream, payload: WATCH }));
        const more = encodeFrame({ type: TYPE.continuation, flags: FLAG.none, stream, payload: block });
        for (let frame = 0; frame < 1_000 && !attacker.isOver; frame++) await attacker.send(more);
      });
    }
  });
});

test('headers of a megabyte in one block', async () => {
  const block = Buffer.concat([
    WATCH,
    ...Array.from({ length: 1_000 }, (_, index) => encodeHeaders({ [`x-${index}`]: 'a'.repeat(1_000) })),
  ]);
  await stage.endure('oversized headers', async () => {
    for (let connection = 0; connection < 50; connection++) {
      await untilThrownOut((attacker) => attacker.send(headersFrames(attacker.nextStream(), block)));
    }
  });
});

test('a window that overflows, of a stream and of the connection', async () => {
  await stage.endure('window overflow', async () => {
    for (let connection = 0; connection < 100; connection++) {
      await untilThrownOut(async (attacker) => {
        const id = attacker.nextStream();
        const overflow = windowUpdateFrame(id, 2 ** 31 - 1);
        await attacker.send(Buffer.concat([headersFrames(id, WATCH), overflow, overflow]));
        await attacker.send(windowUpdateFrame(0, 2 ** 31 - 1));
      });
    }
  });
});

test.each([
  ['PING', pingFrame()],
  ['SETTINGS', settingsFrame([[4, 65_535]])],
  ['empty DATA', Buffer.alloc(0)],
])('100,000 %s frames, whose answers are read', async (name, frame) => {
  await stage.endure(`${name} flood, read`, async () => {
    using attacker = await RawConnection.greet(stage.server.address);
    const id = attacker.nextStream();
    await attacker.send(headersFrames(id, WATCH));
    const flood = frame.length === 0 ? dataFrame(id, frame) : frame;
    for (let round = 0; round < 100 && !attacker.isOver; round++) {
      await attacker.send(Buffer.concat(Array.from({ length: 1_000 }, () => flood)));
    }
  });
});

test.each([
  ['PING', pingFrame()],
  ['SETTINGS', settingsFrame([[4, 65_535]])],
])('%s frames whose answers nobody reads are answered no more, and then end the connection', async (name, frame) => {
  const flood = Buffer.concat(Array.from({ length: 10_000 }, () => frame));
  await stage.endure(`${name} flood, unread`, () =>
    untilThrownOut(async (attacker) => {
      attacker.socket.pause();
      // What the kernel holds of the answers is some megabytes; a million of them are more.
      for (let round = 0; round < 100 && attacker.socket.writable; round++) {
        if (attacker.socket.write(flood)) continue;
        const closed = once(attacker.socket, 'close');
        await Promise.race([once(attacker.socket, 'drain'), closed]).catch(() => undefined);
      }
      attacker.socket.resume();
    }),
  );
});

test('noise before the preface, and in its place', async () => {
  const noises = [
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    '\0'.repeat(100_000),
  ];
  await stage.endure('noise before the preface', async () => {
    for (let connection = 0; connection < 300; connection++) {
      using attacker = await RawConnection.open(stage.server.address);
      const noise = Buffer.from(noises[connection % noises.length]!, 'latin1');
      attacker.write(Buffer.concat([noise, PREFACE]));
      const how = await within('the server closes the connection', attacker.ended);
      expect(how).not.toBe('closed here');
    }
  });
});
