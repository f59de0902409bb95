import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { Any, BadRequest, BadRequest_FieldViolation, ErrorInfo } from 'nice-grpc-error-details';
import { Status } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';
import { isRollcallError, REASONS, RollcallError } from '../core/errors.js';

/** The domain of every ErrorInfo that Rollcall sends. */
export const ERROR_DOMAIN = 'rollcall';

/** The trailer that carries a serialised google.rpc.Status, by gRPC's convention. */
const DETAILS_TRAILER = 'grpc-status-details-bin';

/** Told of errors that are defects: those that are not RollcallErrors. */
export type OnDefect = (error: unknown, method: string) => void;

/** What a client gets to see of an error. The one place where errors become statuses. */
export function toStatus(error: unknown, method: string, onDefect: OnDefect): StatusObject {
  if (!isRollcallError(error)) onDefect(error, method);
  const known = isRollcallError(error) ? error : new RollcallError('INTERNAL', 'internal error');
  const code = status[REASONS[known.reason].status];
  const details = [pack(ErrorInfo, { domain: ERROR_DOMAIN, reason: known.reason, metadata: { ...known.metadata } })];
  if (known.violations.length > 0) {
    details.push(
      pack(BadRequest, {
        fieldViolations: known.violations.map((violation) => BadRequest_FieldViolation.fromPartial(violation)),
      }),
    );
  }
  const metadata = new Metadata();
  const encoded = Status.encode(Status.fromPartial({ code, message: known.message, details })).finish();
  metadata.set(DETAILS_TRAILER, Buffer.from(encoded));
  return { code, details: known.message, metadata };
}

/** The serialized `google.rpc.Status` of {@link toStatus}. */
export function toStatusBytes(error: unknown, method: string, onDefect: OnDefect): Buffer {
  return toStatus(error, method, onDefect).metadata.get(DETAILS_TRAILER)[0] as Buffer;
}

interface DetailType<T> {
  readonly $type: string;
  fromPartial(partial: Partial<T>): T;
  encode(message: T): { finish(): Uint8Array };
}

function pack<T>(type: DetailType<T>, detail: Partial<T>): Any {
  const value = Buffer.from(type.encode(type.fromPartial(detail)).finish());
  return Any.fromPartial({ typeUrl: `type.googleapis.com/${type.$type}`, value });
}
