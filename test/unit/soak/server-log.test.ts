import { unexpectedIn } from '../../../soak/server-log.js';

it('errors of the server are unexpected, and so is what is no log line', () => {
  const log = [
    '{"level":30,"msg":"listening"}',
    '{"level":50,"msg":"call failed by a defect"}',
    'Error: something was thrown',
    '',
  ].join('\n');
  expect(unexpectedIn(log)).toEqual([
    'log: {"level":50,"msg":"call failed by a defect"}',
    'log: Error: something was thrown',
  ]);
});

it('a server whose disk was filled may say so', () => {
  const msg = 'the store refuses writes; reads, watches and renewals go on';
  expect(unexpectedIn(`${JSON.stringify({ level: 50, msg })}\n`)).toEqual([]);
});
