import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Semaphore } from '../../../src/lib/semaphore.js';

/** Work that ends when it is told to, and says when it begins. */
function piece(name: string, log: string[]) {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return {
    run: async () => {
      log.push(name);
      await ended;
      return name;
    },
    end,
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('Semaphore', () => {
  it('lets so many run at a time, and the others in the order they came', async () => {
    const semaphore = new Semaphore(2);
    const log: string[] = [];
    const pieces = ['a', 'b', 'c', 'd'].map((name) => piece(name, log));
    const results = pieces.map(({ run }) => semaphore.run(run));
    await settle();
    expect(log).toEqual(['a', 'b']);
    pieces[1]?.end();
    await settle();
    expect(log).toEqual(['a', 'b', 'c']);
    for (const { end } of pieces) end();
    await expect(Promise.all(results)).resolves.toEqual(['a', 'b', 'c', 'd']);
    expect(log).toEqual(['a', 'b', 'c', 'd']);
  });

  it('gives the place of work that failed to the next', async () => {
    const semaphore = new Semaphore(1);
    const failing = semaphore.run(() => Promise.reject(new Error('failed')));
    const next = semaphore.run(() => Promise.resolve('next'));
    await expect(failing).rejects.toThrow('failed');
    await expect(next).resolves.toBe('next');
    await expect(semaphore.run(() => Promise.resolve('later'))).resolves.toBe('later');
  });

  it('passes over what was aborted while it waited', async () => {
    const semaphore = new Semaphore(1);
    const log: string[] = [];
    const first = piece('first', log);
    const running = semaphore.run(first.run);
    const controller = new AbortController();
    const aborted = semaphore.run(piece('aborted', log).run, controller.signal);
    const last = semaphore.run(() => Promise.resolve(log.push('last')));
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    first.end();
    await Promise.all([running, last]);
    expect(log).toEqual(['first', 'last']);
  });

  it('does not begin work that was aborted before', async () => {
    const semaphore = new Semaphore(1);
    const log: string[] = [];
    const aborted = AbortSignal.abort(new Error('enough'));
    await expect(semaphore.run(piece('aborted', log).run, aborted)).rejects.toThrow('enough');
    expect(log).toEqual([]);
    await expect(semaphore.run(() => Promise.resolve('next'))).resolves.toBe('next');
  });

  it('holds nothing of those who gave up while all places were taken, and keeps the order of the others', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const semaphore = new Semaphore(1);
    const log: string[] = [];
    const first = piece('first', log);
    const running = [semaphore.run(first.run)];
    const refs: WeakRef<object>[] = [];
    const giveUp = async () => {
      const controller = new AbortController();
      const aborted = semaphore.run(() => Promise.resolve(log.push('given up')), controller.signal);
      const reason = new Error('enough');
      refs.push(new WeakRef(reason));
      controller.abort(reason);
      await aborted.catch(() => undefined);
    };
    for (let i = 0; i < 10; i++) {
      for (let j = 0; j < 20; j++) await giveUp();
      running.push(semaphore.run(() => Promise.resolve(String(log.push(`waited ${i}`)))));
    }
    await settle();
    collectGarbage();
    expect(refs.filter((ref) => ref.deref() !== undefined)).toEqual([]);
    first.end();
    await Promise.all(running);
    expect(log).toEqual(['first', ...Array.from({ length: 10 }, (_, i) => `waited ${i}`)]);
  });
});
