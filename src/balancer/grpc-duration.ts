/** Protobuf's JSON form of a duration that is not negative, as service configs have it. */
const DURATION = /^(\d{1,12})(?:\.(\d{1,9}))?s$/;

/** A duration as grpc-js passes it around. */
export interface GrpcDuration {
  readonly seconds: number;
  readonly nanos: number;
}

/**
 * Reads a duration such as `30s` or `0.5s`; undefined for anything else. (grpc-js has a `parseDuration`, to which
 * `1.5s` is 1 s and 5 ns.)
 */
export function parseGrpcDuration(value: unknown): GrpcDuration | undefined {
  const [, seconds, fraction = ''] = (typeof value === 'string' && DURATION.exec(value)) || [];
  return seconds === undefined ? undefined : { seconds: Number(seconds), nanos: Number(fraction.padEnd(9, '0')) };
}
