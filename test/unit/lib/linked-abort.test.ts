import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { linkAbort, orAbort } from '../../../src/lib/linked-abort.js';

describe('linkAbort', () => {
  it('follows the first parent to abort, with its reason', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const linked = linkAbort(one.signal, undefined, other.signal);
    other.abort('other');
    one.abort('one');
    expect(linked.signal.reason).toBe('other');
  });

  it('is aborted at once by a parent that is', () => {
    expect(linkAbort(AbortSignal.abort('before')).signal.reason).toBe('before');
  });

  it('can abort by itself, and leaves its parents alone', () => {
    const parent = new AbortController();
    const linked = linkAbort(parent.signal);
    linked.abort('own');
    expect(linked.signal.reason).toBe('own');
    expect(parent.signal.aborted).toBe(false);
  });

  it('follows nobody once unlinked', () => {
    const parent = new AbortController();
    const linked = linkAbort(parent.signal);
    linked.unlink();
    parent.abort();
    expect(linked.signal.aborted).toBe(false);
  });
});

describe('orAbort', () => {
  it('settles as the promise does', async () => {
    const { signal } = new AbortController();
    await expect(orAbort(Promise.resolve(7), signal)).resolves.toBe(7);
    await expect(orAbort(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  });

  it('rejects with the reason of the signal, also when that was aborted before', async () => {
    const controller = new AbortController();
    const waiting = orAbort(new Promise(() => undefined), controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(orAbort(Promise.resolve(7), controller.signal)).rejects.toThrow('enough');
  });

  it('tells all who wait for one promise', async () => {
    let settle: (value: number) => void = () => undefined;
    const promise = new Promise<number>((resolve) => (settle = resolve));
    const { signal } = new AbortController();
    const [one, other] = [orAbort(promise, signal), orAbort(promise, signal)];
    settle(7);
    expect(await Promise.all([one, other])).toEqual([7, 7]);
  });

  it('leaves no unhandled rejection of a promise that was not waited for', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    let fail: (error: Error) => void = () => undefined;
    const promise = new Promise((_, reject) => (fail = reject));
    await expect(orAbort(promise, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    fail(new Error('unnoticed'));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('leaves nothing of a wait that was given up with a promise that lives on', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const promise = new Promise(() => undefined);
    const giveUp = async () => {
      const controller = new AbortController();
      const waiting = orAbort(promise, controller.signal);
      const reason = new Error('enough');
      controller.abort(reason);
      await waiting.catch(() => undefined);
      return new WeakRef(reason);
    };
    const reason = await giveUp();
    // What a WeakRef was made of or read in this turn is kept until its end.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(reason.deref()).toBeUndefined();
    await expect(orAbort(promise, AbortSignal.abort('enough'))).rejects.toBe('enough');
  });
});
