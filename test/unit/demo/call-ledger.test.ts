import { CallLedger } from '../../../demo/call-ledger.js';
import type { AnsweredCall } from '../../../demo/messages.js';
import { outcomeOf, outcomeText } from '../../../demo/outcome.js';

const call = (backend: string, arrivedMs: number, more: Partial<AnsweredCall> = {}): AnsweredCall => ({
  backend,
  arrivedMs,
  tookMs: 1,
  retries: 0,
  ...more,
});

function ledgerOf(...answered: AnsweredCall[]): CallLedger {
  const ledger = new CallLedger();
  ledger.add({ type: 'calls', answered, failed: [], untilMs: Math.max(...answered.map(({ arrivedMs }) => arrivedMs)) });
  return ledger;
}

describe('the ledger of calls', () => {
  it('knows the first call on a backend since a moment, and the last, in whatever order they were told', () => {
    const ledger = ledgerOf(call('a', 30), call('a', 10), call('b', 5), call('a', 20));
    expect(ledger.firstOn('a', 0)).toBe(10);
    expect(ledger.firstOn('a', 11)).toBe(20);
    expect(ledger.firstOn('a', 31)).toBeUndefined();
    expect(ledger.lastOn('a')).toBe(30);
    expect(ledger.firstOn('c', 0)).toBeUndefined();
    expect(ledger.lastOn('c')).toBeUndefined();
  });

  it('counts by backend what the last second brought', () => {
    const ledger = ledgerOf(call('a', 10), call('a', 500), call('b', 900));
    expect(ledger.recent()).toEqual(
      new Map([
        ['a', 2],
        ['b', 1],
      ]),
    );
    ledger.add({ type: 'calls', answered: [call('b', 1_400)], failed: [], untilMs: 1_600 });
    expect(ledger.recent()).toEqual(new Map([['b', 2]]));
    expect(ledger.answered).toBe(4);
  });
});

describe('the outcome', () => {
  it('is ok when every call was answered, however often it was made', () => {
    const outcome = outcomeOf(ledgerOf(call('a', 1, { retries: 2 }), call('a', 2, { tookMs: 9 })), [], undefined);
    expect(outcome).toMatchObject({
      ok: true,
      calls: 2,
      failed: 0,
      madeAgain: 1,
      latencyMs: { p50: 1, p99: 9, max: 9 },
    });
    expect(outcomeText(outcome)).toContain('ok: no call failed');
  });

  it.each<[why: string, ledger: () => CallLedger, problem: string | undefined, says: string]>([
    ['something was late', () => ledgerOf(call('a', 1)), 'waited 5 s in vain: b is called', 'waited 5 s in vain'],
    ['no call was answered', () => new CallLedger(), undefined, 'no call was answered'],
    [
      'a call failed',
      () => {
        const ledger = ledgerOf(call('a', 1));
        const failed = [{ failedMs: 2, message: 'UNAVAILABLE: gone' }];
        ledger.add({ type: 'calls', answered: [], failed, untilMs: 2 });
        return ledger;
      },
      undefined,
      '1 calls failed, such as: UNAVAILABLE: gone',
    ],
  ])('is not ok when %s', (_why, ledger, problem, says) => {
    const outcome = outcomeOf(ledger(), [], problem);
    expect(outcome.ok).toBe(false);
    expect(outcome.problems).toEqual([expect.stringContaining(says)]);
    expect(outcomeText(outcome)).toContain(`FAILED: ${outcome.problems[0]}`);
  });
});
