import { Mailbox } from '../../../src/lib/mailbox.js';

describe('Mailbox', () => {
  it('hands over what is given, in order, whether the reader or the giver comes first', async () => {
    const mailbox = new Mailbox<number>();
    const first = mailbox.next();
    mailbox.give(1);
    mailbox.give(2);
    mailbox.give(3);
    expect([await first, await mailbox.next(), await mailbox.next()]).toEqual(
      [1, 2, 3].map((value) => ({ done: false, value })),
    );
  });

  it('ends at once, and drops what waits', async () => {
    const mailbox = new Mailbox<number>();
    mailbox.give(1);
    mailbox.end();
    mailbox.give(2);
    expect(await mailbox.next()).toEqual({ done: true, value: undefined });
  });

  it('throws the error that it was ended with once, to a reader that waits or to the next', async () => {
    for (const early of [true, false]) {
      const mailbox = new Mailbox<number>();
      const waiting = early ? mailbox.next() : undefined;
      mailbox.end(new Error('no more'));
      mailbox.end(new Error('another'));
      await expect(waiting ?? mailbox.next()).rejects.toThrow('no more');
      expect(await mailbox.next()).toEqual({ done: true, value: undefined });
    }
  });

  it('tells when nothing waits', async () => {
    const mailbox = new Mailbox<number>();
    await mailbox.empty();
    mailbox.give(1);
    mailbox.give(2);
    let empty = false;
    const told = mailbox.empty().then(() => (empty = true));
    await mailbox.next();
    expect(empty).toBe(false);
    await mailbox.next();
    await told;

    mailbox.give(3);
    const ended = mailbox.empty();
    mailbox.end();
    await ended;
  });
});
