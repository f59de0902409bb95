import { PassThrough, Writable } from 'node:stream';
import { Output } from '../../../src/cli/output.js';
import { parseSelector } from '../../../src/cli/selector-syntax.js';
import { RollcallError } from '../../../src/core/errors.js';

function outputOf(json: boolean) {
  const stdout = new PassThrough({ encoding: 'utf8' });
  const stderr = new PassThrough({ encoding: 'utf8' });
  const output = new Output({ stdout, stderr }, json);
  const read = (stream: PassThrough) => (stream.read() as string | null) ?? '';
  return { output, stdout: () => read(stdout), stderr: () => read(stderr) };
}

function selectorError(): unknown {
  try {
    return parseSelector('a in b');
  } catch (error) {
    return error;
  }
}

describe('as text', () => {
  it('an error is one line', () => {
    const { output, stderr, stdout } = outputOf(false);
    output.error(new RollcallError('LEASE_MISMATCH', 'held by\nanother'));
    expect(stderr()).toBe('rollcall: held by\\u000aanother\n');
    expect(stdout()).toBe('');
  });

  it('an error with a column is marked there', () => {
    const { output, stderr } = outputOf(false);
    output.error(selectorError());
    expect(stderr()).toBe('rollcall: --selector, column 6: expected (, not b\n  a in b\n       ^\n');
  });

  it('what is said goes to stderr', () => {
    const { output, stderr, stdout } = outputOf(false);
    output.note('connected');
    expect(stderr()).toBe('rollcall: connected\n');
    expect(stdout()).toBe('');
  });
});

describe('as JSON', () => {
  it('an error is one object, with reason and violations', () => {
    const { output, stderr } = outputOf(true);
    const violations = [{ field: 'endpoint.weight', description: 'must be 0–65535' }];
    output.error(new RollcallError('INVALID_FIELD', 'x', { violations }));
    const text = stderr();
    expect(text).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(text)).toEqual({
      reason: 'INVALID_FIELD',
      message: 'x',
      retryable: false,
      violations,
      metadata: {},
    });
  });

  it('an error that is none of ours is an object too', () => {
    const { output, stderr } = outputOf(true);
    output.error(new TypeError('oops'));
    expect(JSON.parse(stderr())).toMatchObject({ reason: 'INTERNAL', message: 'TypeError: oops' });
  });

  it('results and what is said are objects on lines of their own', async () => {
    const { output, stderr, stdout } = outputOf(true);
    await output.object({ a: 1 });
    await output.object({ b: 'x\ny' });
    output.note('connected');
    expect(stdout()).toBe('{"a":1}\n{"b":"x\\ny"}\n');
    expect(stderr()).toBe('{"level":"info","message":"connected"}\n');
  });
});

it('waits for a reader that is slow', async () => {
  let take: () => void = () => undefined;
  const stdout = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void (take = done) });
  const output = new Output({ stdout, stderr: new PassThrough() }, false);
  let written = false;
  const writing = output.text('a line').then(() => (written = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(written).toBe(false);
  take();
  await writing;
});

it('is broken, and waits for nobody, once its reader is gone', async () => {
  const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  const stdout = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => done(gone) });
  const output = new Output({ stdout, stderr: new PassThrough() }, false);
  await output.text('a line');
  expect(output.broken.aborted).toBe(true);
  await output.text('another');
});

it('waits for no reader in a hurry', async () => {
  const stdout = new Writable({ highWaterMark: 1, write: () => undefined });
  const output = new Output({ stdout, stderr: new PassThrough() }, false);
  const writing = output.text('a line');
  output.hurry();
  await Promise.all([writing, output.text('another'), output.flush()]);
  expect(output.broken.aborted).toBe(false);
});

it('is flushed when all was handed on', async () => {
  const written: string[] = [];
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString());
      setImmediate(done);
    },
  });
  const output = new Output({ stdout, stderr: new PassThrough() }, false);
  void output.text('a');
  void output.text('b');
  await output.flush();
  expect(written.join('')).toBe('a\nb\n');
});
