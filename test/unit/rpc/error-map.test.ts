import { status } from '@grpc/grpc-js';
import { invalidField, REASONS, RollcallError, type Reason } from '../../../src/core/errors.js';
import { toStatus } from '../../../src/rpc/error-map.js';
import { rpcFailure } from '../../support/rpc-failure.js';

const nobody = () => {
  throw new Error('not a defect');
};

/** What a client sees of a status. */
const seen = (error: unknown, onDefect: Parameters<typeof toStatus>[2] = nobody) =>
  rpcFailure(Object.assign(new Error(), toStatus(error, '/a/B', onDefect)));

test.each(Object.keys(REASONS) as Reason[])('%s goes over the wire with its status and its name', (reason) => {
  const error = new RollcallError(reason, 'a text', { metadata: { limit: '3' } });
  expect(seen(error)).toMatchObject({
    status: REASONS[reason].status,
    reason,
    domain: 'rollcall',
    metadata: { limit: '3' },
  });
  expect(toStatus(error, '/a/B', nobody)).toMatchObject({ code: status[REASONS[reason].status], details: 'a text' });
});

test('bad input names its fields', () => {
  const error = invalidField({ field: 'a.b[0]', description: 'is wrong' }, { field: 'c', description: 'is required' });
  expect(seen(error)).toMatchObject({ reason: 'INVALID_FIELD', fields: ['a.b[0]', 'c'] });
});

test('of an error that is not ours a client learns nothing, and the server everything', () => {
  const defect = new TypeError('secret');
  const told: unknown[] = [];
  const onDefect = (...what: unknown[]) => void told.push(what);
  expect(toStatus(defect, '/a/B', onDefect)).toMatchObject({ code: status.INTERNAL, details: 'internal error' });
  expect(seen(defect, onDefect)).toMatchObject({ status: 'INTERNAL', reason: 'INTERNAL', metadata: {} });
  expect(told).toEqual([
    [defect, '/a/B'],
    [defect, '/a/B'],
  ]);
});
