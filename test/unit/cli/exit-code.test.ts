import { exitCodeOf, exitCodeOfSignal } from '../../../src/cli/exit-code.js';
import { RollcallError, type Reason } from '../../../src/core/errors.js';

it.each<[Reason, number]>([
  ['INVALID_FIELD', 2],
  ['INVALID_TOKEN', 2],
  ['LEASE_MISMATCH', 1],
  ['LIMIT_EXCEEDED', 1],
  ['UNEXPECTED_STATUS', 1],
  ['SERVER_UNREACHABLE', 69],
  ['SHUTTING_DOWN', 69],
  ['STORE_UNAVAILABLE', 69],
  ['TIMED_OUT', 69],
])('%s ends a command with %i', (reason, code) => {
  expect(exitCodeOf(new RollcallError(reason, 'x'))).toBe(code);
});

it('signals end a command with 128 and their number', () => {
  expect([exitCodeOfSignal('SIGINT'), exitCodeOfSignal('SIGTERM')]).toEqual([130, 143]);
});
