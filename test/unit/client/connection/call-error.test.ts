import { status as grpcStatus } from '@grpc/grpc-js';
import { ClientError, Status } from 'nice-grpc';
import { Any, BadRequest, ErrorInfo } from 'nice-grpc-error-details';
import { Status as RpcStatus } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';
import { toRollcallError } from '../../../../src/client/connection/call-error.js';
import { REASONS, RollcallError, type Reason } from '../../../../src/core/errors.js';
import { toStatus } from '../../../../src/rpc/error-map.js';

const clientError = (code: Status, details = 'x') => new ClientError('/m', code, details);

function statusDetails(...details: { $type: string; bytes: Uint8Array }[]): Uint8Array {
  const packed = details.map(({ $type, bytes }) =>
    Any.fromPartial({ typeUrl: `type.googleapis.com/${$type}`, value: Buffer.from(bytes) }),
  );
  return RpcStatus.encode(RpcStatus.fromPartial({ details: packed })).finish();
}

function errorInfo(domain: string, reason: string) {
  return { $type: ErrorInfo.$type, bytes: ErrorInfo.encode(ErrorInfo.fromPartial({ domain, reason })).finish() };
}

describe('toRollcallError', () => {
  it.each(Object.keys(REASONS) as Reason[])('takes %s as a Rollcall server sends it', (reason) => {
    const violations = [{ field: 'endpoint.weight', description: 'too much' }];
    const sent = new RollcallError(reason, 'what happened', { violations, metadata: { limit: '7' } });
    const { code, details, metadata } = toStatus(sent, '/m', () => undefined);
    const [trailer] = metadata.get('grpc-status-details-bin');
    const received = toRollcallError(
      clientError(Status[grpcStatus[code] as keyof typeof Status], details),
      trailer as Buffer,
    );
    expect(received).toMatchObject({ reason, message: 'what happened', violations, metadata: { limit: '7' } });
  });

  it.each<[Status, Reason]>([
    [Status.UNAVAILABLE, 'SERVER_UNREACHABLE'],
    [Status.CANCELLED, 'SERVER_UNREACHABLE'],
    [Status.INTERNAL, 'SERVER_UNREACHABLE'],
    [Status.DEADLINE_EXCEEDED, 'TIMED_OUT'],
    [Status.UNIMPLEMENTED, 'UNEXPECTED_STATUS'],
    [Status.UNAUTHENTICATED, 'UNEXPECTED_STATUS'],
    [Status.RESOURCE_EXHAUSTED, 'UNEXPECTED_STATUS'],
  ])('takes a bare status %i for %s', (status, reason) => {
    expect(toRollcallError(clientError(status))).toMatchObject({ reason, metadata: { status: Status[status] } });
  });

  it('goes by the status where the reason is that of a newer server, and tells the reason', () => {
    const error = toRollcallError(clientError(Status.UNAVAILABLE), statusDetails(errorInfo('rollcall', 'MOON_FULL')));
    expect(error).toMatchObject({ reason: 'SERVER_UNREACHABLE', metadata: { reason: 'MOON_FULL' } });
  });

  it('takes no reason from another domain', () => {
    const details = statusDetails(errorInfo('googleapis.com', 'LEASE_MISMATCH'));
    expect(toRollcallError(clientError(Status.NOT_FOUND), details).reason).toBe('UNEXPECTED_STATUS');
  });

  it('goes by the status where the details cannot be read', () => {
    const error = toRollcallError(clientError(Status.UNAVAILABLE), Uint8Array.of(0x1a, 0xff, 0xff));
    expect(error.reason).toBe('SERVER_UNREACHABLE');
    const badRequest = { $type: BadRequest.$type, bytes: Uint8Array.of(0x0a, 0x7f) };
    expect(toRollcallError(clientError(Status.UNAVAILABLE), statusDetails(badRequest)).violations).toEqual([]);
  });
});
