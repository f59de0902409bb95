import { onAbort } from '../../../src/lib/on-abort.js';

describe('onAbort', () => {
  it('calls everybody once when the signal is aborted, and no more whoever has stopped following', () => {
    const controller = new AbortController();
    const calls: string[] = [];
    onAbort(controller.signal, () => calls.push('first'));
    const stop = onAbort(controller.signal, () => calls.push('stopped'));
    onAbort(controller.signal, () => calls.push('last'));
    stop();
    stop();
    controller.abort();
    expect(calls).toEqual(['first', 'last']);
  });

  it('calls at once when the signal is aborted already', () => {
    const calls: string[] = [];
    onAbort(AbortSignal.abort(), () => calls.push('at once'))();
    expect(calls).toEqual(['at once']);
  });

  it('lets one function follow twice', () => {
    const controller = new AbortController();
    let calls = 0;
    const count = () => void calls++;
    onAbort(controller.signal, count);
    onAbort(controller.signal, count)();
    controller.abort();
    expect(calls).toBe(1);
  });

  it('lets one follower stop another that has not been told yet', () => {
    const controller = new AbortController();
    const calls: string[] = [];
    onAbort(controller.signal, () => stop());
    const stop = onAbort(controller.signal, () => calls.push('stopped'));
    controller.abort();
    expect(calls).toEqual([]);
  });

  it('gives a signal one listener, however many follow', () => {
    const { signal } = new AbortController();
    const listening = jest.spyOn(signal, 'addEventListener');
    for (let i = 0; i < 100; i++) onAbort(signal, () => undefined);
    expect(listening).toHaveBeenCalledTimes(1);
  });
});
