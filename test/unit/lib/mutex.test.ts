import { Mutex } from '../../../src/lib/mutex.js';

describe('Mutex', () => {
  it('lets work happen one at a time, in order, whatever becomes of it', async () => {
    const mutex = new Mutex();
    const log: string[] = [];
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const first = mutex.run(async () => {
      log.push('first begins');
      await gate;
      log.push('first ends');
      throw new Error('failed');
    });
    const second = mutex.run(() => Promise.resolve(log.push('second')));
    await Promise.resolve();
    expect(log).toEqual(['first begins']);
    release();
    await expect(first).rejects.toThrow('failed');
    await second;
    expect(log).toEqual(['first begins', 'first ends', 'second']);
  });
});
