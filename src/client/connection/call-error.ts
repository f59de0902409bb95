import { ClientError, Status, type ClientMiddleware } from 'nice-grpc';
import { BadRequest, ErrorInfo } from 'nice-grpc-error-details';
import { Status as RpcStatus } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';
import { REASONS, RollcallError, type FieldViolation, type Reason } from '../../core/errors.js';

/**
 * The one place where what a server answered becomes a {@link RollcallError}:
 * every call goes through this middleware. Errors that are no answer, such as
 * those of an aborted signal, pass as they are.
 */
export const callErrors: ClientMiddleware = async function* callErrors(call, options) {
  let statusDetails: Uint8Array | undefined;
  try {
    return yield* call.next(call.request, {
      ...options,
      onTrailer(trailer) {
        statusDetails = trailer.get('grpc-status-details-bin');
        options.onTrailer?.(trailer);
      },
    });
  } catch (error) {
    throw error instanceof ClientError ? toRollcallError(error, statusDetails) : error;
  }
};

/** @param statusDetails an encoded google.rpc.Status, from the trailer `grpc-status-details-bin` */
export function toRollcallError(error: ClientError, statusDetails?: Uint8Array): RollcallError {
  const { info, violations } = decodeDetails(statusDetails);
  if (info !== undefined && isReason(info.reason)) {
    return new RollcallError(info.reason, error.details, { cause: error, violations, metadata: info.metadata });
  }
  const reason = reasonOfStatus(error.code);
  const statusName = Status[error.code];
  const message = reason === 'UNEXPECTED_STATUS' ? `${statusName}: ${error.details}` : error.details;
  // A newer server may know more reasons than this client.
  const metadata = { status: statusName, ...(info === undefined ? {} : { reason: info.reason }) };
  return new RollcallError(reason, message, { cause: error, violations, metadata });
}

/**
 * What a bare status means: one that a proxy or grpc-js itself made up, not a
 * handler of Rollcall. CANCELLED and INTERNAL are how grpc-js ends calls when
 * their connection goes at a bad moment or a server is stopped by force;
 * cancelling by our own signal never comes here.
 */
function reasonOfStatus(status: Status): Reason {
  switch (status) {
    case Status.UNAVAILABLE:
    case Status.CANCELLED:
    case Status.INTERNAL:
      return 'SERVER_UNREACHABLE';
    case Status.DEADLINE_EXCEEDED:
      return 'TIMED_OUT';
    default:
      return 'UNEXPECTED_STATUS';
  }
}

interface Details {
  readonly info: ErrorInfo | undefined;
  readonly violations: readonly FieldViolation[];
}

const NO_DETAILS: Details = { info: undefined, violations: [] };

function decodeDetails(statusDetails: Uint8Array | undefined): Details {
  if (statusDetails === undefined) return NO_DETAILS;
  try {
    const { details } = RpcStatus.decode(statusDetails);
    const find = (type: string): Uint8Array | undefined => details.find(({ typeUrl }) => typeUrl.endsWith(type))?.value;
    const infoBytes = find('/google.rpc.ErrorInfo');
    const badRequestBytes = find('/google.rpc.BadRequest');
    const info = infoBytes && ErrorInfo.decode(infoBytes);
    return {
      info: info?.domain === 'rollcall' ? info : undefined,
      violations: badRequestBytes === undefined ? [] : fieldViolations(BadRequest.decode(badRequestBytes)),
    };
  } catch {
    // Details that cannot be read are no details: the status itself is the answer.
    return NO_DETAILS;
  }
}

function fieldViolations(badRequest: BadRequest): FieldViolation[] {
  return badRequest.fieldViolations.map(({ field, description }) => ({ field, description }));
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}
