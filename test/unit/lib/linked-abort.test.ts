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
});
