/**
 * The one error of Rollcall: a closed set of reasons, and one table that says
 * what each means on the wire and to a caller. A reason without a row does not
 * compile.
 */

/** A field of a request that was refused, and why. `field` is a path as in `endpoint.addresses[0].port`. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** The gRPC status codes used here, by their names. */
export type StatusName =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'DEADLINE_EXCEEDED'
  | 'RESOURCE_EXHAUSTED'
  | 'UNAVAILABLE'
  | 'INTERNAL';

interface ReasonRow {
  readonly status: StatusName;
  /** Whether the same call may succeed later, unchanged. */
  readonly retryable: boolean;
  /** What the caller should do. */
  readonly remedy: string;
}

export const REASONS = {
  INVALID_FIELD: {
    status: 'INVALID_ARGUMENT',
    retryable: false,
    remedy: 'Mend the fields named in the BadRequest detail.',
  },
  MALFORMED_MESSAGE: {
    status: 'INVALID_ARGUMENT',
    retryable: false,
    remedy: 'Send a message of the type the method takes.',
  },
  INVALID_TOKEN: {
    status: 'INVALID_ARGUMENT',
    retryable: false,
    remedy: 'Drop the token and call again without one.',
  },
  ENDPOINT_NOT_FOUND: {
    status: 'NOT_FOUND',
    retryable: false,
    remedy: 'Register the endpoint first.',
  },
  LEASE_MISMATCH: {
    status: 'FAILED_PRECONDITION',
    retryable: false,
    remedy: 'The endpoint is held by another lease: it was registered anew. Leave it alone.',
  },
  LEASE_NOT_FOUND: {
    status: 'NOT_FOUND',
    retryable: false,
    remedy: 'The lease has expired or never was. Register anew.',
  },
  CONTENDED: {
    status: 'ABORTED',
    retryable: true,
    remedy: 'Others kept changing the same endpoint. Try again.',
  },
  REVISION_UNAVAILABLE: {
    status: 'UNAVAILABLE',
    retryable: true,
    remedy: 'This server is not as new as the token. Try another server, or later.',
  },
  COMPACTED: {
    status: 'OUT_OF_RANGE',
    retryable: false,
    remedy: 'The history asked for is no longer held. Read the state anew.',
  },
  TOO_MANY_WATCHES: {
    status: 'RESOURCE_EXHAUSTED',
    retryable: true,
    remedy: 'Share one watch a service in a process, or raise the limit.',
  },
  LIMIT_EXCEEDED: {
    status: 'RESOURCE_EXHAUSTED',
    retryable: false,
    remedy: 'Remove endpoints, or raise the limit.',
  },
  OVERLOADED: {
    status: 'RESOURCE_EXHAUSTED',
    retryable: true,
    remedy: 'Too many writes are waiting. Back off and try again.',
  },
  STORE_FULL: {
    status: 'RESOURCE_EXHAUSTED',
    retryable: true,
    remedy: 'The disk is full. Reads and watches go on; make room.',
  },
  STORE_UNAVAILABLE: {
    status: 'UNAVAILABLE',
    retryable: true,
    remedy: 'The store does not answer. Try again with backoff.',
  },
  STORE_LOCKED: {
    status: 'FAILED_PRECONDITION',
    retryable: false,
    remedy: 'Another process has the data directory open. Stop it, or use another directory.',
  },
  STORE_CORRUPT: {
    status: 'FAILED_PRECONDITION',
    retryable: false,
    remedy: 'Restore the data directory from a backup, or move it away to begin empty.',
  },
  STORE_FORMAT: {
    status: 'FAILED_PRECONDITION',
    retryable: false,
    remedy: 'The data directory was written by another version. Run that version, or use another directory.',
  },
  ADDRESS_UNAVAILABLE: {
    status: 'UNAVAILABLE',
    retryable: false,
    remedy: 'Listen on another address, or stop what listens there.',
  },
  SHUTTING_DOWN: {
    status: 'UNAVAILABLE',
    retryable: true,
    remedy: 'Connect again, to another server where there is one.',
  },
  SERVER_UNREACHABLE: {
    status: 'UNAVAILABLE',
    retryable: true,
    remedy: 'No server answered, or the connection was lost. Check the address and that a server runs there.',
  },
  TIMED_OUT: {
    status: 'DEADLINE_EXCEEDED',
    retryable: true,
    remedy: 'It is unknown whether the call had its effect. All calls are safe to repeat.',
  },
  UNEXPECTED_STATUS: {
    status: 'INTERNAL',
    retryable: false,
    remedy: 'The answer is none that a Rollcall server of this version gives. Check what listens at the address.',
  },
  CLIENT_CLOSED: {
    status: 'FAILED_PRECONDITION',
    retryable: false,
    remedy: 'The client was closed by its own process. Make another.',
  },
  UNSUPPORTED_GRPC_JS: {
    status: 'FAILED_PRECONDITION',
    retryable: false,
    remedy: 'Install the version of @grpc/grpc-js that the message names, once: all packages have to share one copy.',
  },
  INTERNAL: {
    status: 'INTERNAL',
    retryable: false,
    remedy: 'A defect in Rollcall; please report it with the log line of the same time.',
  },
} as const satisfies Record<string, ReasonRow>;

/** Why something failed; on the wire the `reason` of a `google.rpc.ErrorInfo`. */
export type Reason = keyof typeof REASONS;

export interface RollcallErrorOptions {
  readonly cause?: unknown;
  readonly violations?: readonly FieldViolation[];
  /** Details for programs; on the wire the `metadata` of the ErrorInfo. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const BRAND = Symbol.for('rollcall.error');

/** Any failure that Rollcall names. Recognise it by {@link isRollcallError}, which also works across copies of the package. */
export class RollcallError extends Error {
  readonly [BRAND] = true;
  readonly reason: Reason;
  readonly violations: readonly FieldViolation[];
  readonly metadata: Readonly<Record<string, string>>;

  constructor(reason: Reason, message: string, options: RollcallErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RollcallError';
    this.reason = reason;
    this.violations = options.violations ?? [];
    this.metadata = options.metadata ?? {};
  }

  get retryable(): boolean {
    return REASONS[this.reason].retryable;
  }
}

export function isRollcallError(error: unknown, reason?: Reason): error is RollcallError {
  return (
    typeof error === 'object' &&
    error !== null &&
    BRAND in error &&
    (reason === undefined || (error as RollcallError).reason === reason)
  );
}

/** What a message names, so that it is fit to be read, and to travel in a header. */
const VIOLATIONS_IN_MESSAGE = 3;

/** Bad input: INVALID_FIELD with the given violations, of which there is at least one. */
export function invalidField(...violations: FieldViolation[]): RollcallError {
  const named = violations.slice(0, VIOLATIONS_IN_MESSAGE).map((v) => `${v.field}: ${v.description}`);
  const more = violations.length - named.length;
  const message = [...named, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
  return new RollcallError('INVALID_FIELD', message, { violations });
}
