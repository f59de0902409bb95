import type { RollcallError } from '../../../src/core/errors.js';
import { CallTracker } from '../../../src/rpc/call-tracker.js';

function underWay(): { run: () => Promise<void>; finish: () => void } {
  let finish: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (finish = resolve));
  return { run: () => done, finish };
}

/** Whether a promise has settled by the time that all which is due now was done. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.finally(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test('a drain without anything under way is over at once', async () => {
  expect(await isSettled(new CallTracker().drain())).toBe(true);
});

test('a drain waits for the last unary call, also for one that began after it', async () => {
  const calls = new CallTracker();
  const [first, second] = [underWay(), underWay()];
  calls.unary(first.run);
  const drained = calls.drain();
  calls.unary(second.run);
  first.finish();
  expect(await isSettled(drained)).toBe(false);
  second.finish();
  expect(await isSettled(drained)).toBe(true);
});

test('a drain ends the streams that are open, and not those that have ended', async () => {
  const calls = new CallTracker();
  const ended: string[] = [];
  const remember = (name: string) => calls.stream(({ reason }: RollcallError) => ended.push(`${name}: ${reason}`));
  remember('open');
  remember('over')();
  await calls.drain();
  expect(ended).toEqual(['open: SHUTTING_DOWN']);
});

test('new streams are refused once a drain has begun', async () => {
  const calls = new CallTracker();
  expect(() => calls.refuseIfDraining()).not.toThrow();
  await calls.drain();
  expect(() => calls.refuseIfDraining()).toThrow(expect.objectContaining({ reason: 'SHUTTING_DOWN' }));
});
