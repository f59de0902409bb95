import { status, type ServiceError } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo } from 'nice-grpc-error-details';
import { Status } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';

/** A failed call as a client in any language can see it, without a look into the message's text. */
export interface RpcFailure {
  /** The status code's name. */
  readonly status: string;
  /** Of the ErrorInfo; undefined where the transport answered and not Rollcall. */
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** The paths of the BadRequest's violations, as sent. */
  readonly fields: readonly string[];
  /** What all trailers take, names included. */
  readonly trailerBytes: number;
}

const TYPE = 'type.googleapis.com/';

/** @throws what it was given, if that is not an error of a call. */
export function rpcFailure(error: unknown): RpcFailure {
  if (!isServiceError(error)) throw error;
  const [trailer] = error.metadata.get('grpc-status-details-bin');
  const details = trailer === undefined ? [] : Status.decode(trailer as Buffer).details;
  const find = (name: string) => details.find(({ typeUrl }) => typeUrl === `${TYPE}${name}`)?.value;
  const info = find(ErrorInfo.$type);
  const badRequest = find(BadRequest.$type);
  const { reason, domain, metadata = {} } = info === undefined ? {} : ErrorInfo.decode(info);
  return {
    status: status[error.code],
    reason,
    domain,
    metadata,
    fields: badRequest === undefined ? [] : BadRequest.decode(badRequest).fieldViolations.map(({ field }) => field),
    trailerBytes:
      encodeURI(error.details).length + ((trailer as Buffer | undefined)?.toString('base64').length ?? 0) + 64,
  };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'metadata' in error;
}

/** How a call failed. Rejects if it did not. */
export async function failure(call: Promise<unknown>): Promise<RpcFailure> {
  let answer: unknown;
  try {
    answer = await call;
  } catch (error) {
    return rpcFailure(error);
  }
  const text = JSON.stringify(answer, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  throw new Error(`the call should have failed, but was answered ${text.slice(0, 300)}`);
}
