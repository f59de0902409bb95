import type { Reason } from '../../../src/core/errors.js';
import type { RawClient } from '../../support/raw-client.js';
import { encodeRequest, type MethodName, type RequestOf } from './methods.js';

/** What a row may use: a server with a few endpoints, and tokens of several kinds. */
export interface Stage {
  readonly client: RawClient;
  /** A registered endpoint of service `held`, and the lease that holds it. */
  readonly held: { readonly service: 'held'; readonly id: 'a'; readonly leaseId: bigint };
  /** Of a complete watch of service `read`, which has one endpoint `a` that nobody changes, and its view's digest. */
  readonly watchToken: string;
  readonly watchDigest: bigint;
  /** Of a write. */
  readonly writeToken: string;
  /** Of this store, a hundred revisions ahead. */
  readonly futureToken: string;
  /** Of another store. */
  readonly foreignToken: string;
  /** `next_page_token` of the first page of service `paged`. */
  readonly pageToken: string;
}

/** A refusal: the status, and what the details must say. Without a reason it is the transport that refuses. */
export interface Refused {
  readonly status: string;
  readonly reason?: Reason;
  /** Exactly the paths of the BadRequest. */
  readonly fields?: readonly string[];
}

/** An answer: what is documented, and a look at whether it is so. */
export interface Answered {
  readonly answered: string;
  readonly expect: (answer: never, stage: Stage) => void;
}

/** One kind of input to one method, and what comes of it. */
export interface Row {
  readonly method: MethodName;
  /** What is sent, as the document says it. */
  readonly input: string;
  readonly request: (stage: Stage) => Buffer;
  readonly outcome: Refused | Answered;
}

export function row<Name extends MethodName>(
  method: Name,
  input: string,
  request: RequestOf<Name> | ((stage: Stage) => RequestOf<Name>),
  outcome: Row['outcome'],
): Row {
  return {
    method,
    input,
    request: (stage) => encodeRequest(method, typeof request === 'function' ? request(stage) : request),
    outcome,
  };
}

export function rawRow(method: MethodName, input: string, request: Buffer, outcome: Row['outcome']): Row {
  return { method, input, request: () => request, outcome };
}

export function invalid(...fields: string[]): Refused {
  return { status: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD', fields };
}

export function answered(text: string, expect: Answered['expect'] = () => undefined): Answered {
  return { answered: text, expect };
}

/** A valid registration with some of its endpoint's fields replaced. */
export function registration(endpoint: NonNullable<RequestOf<'Register'>['endpoint']>): RequestOf<'Register'> {
  return { endpoint: { service: 'input', id: 'x', addresses: [{ host: '10.0.0.1', port: 80 }], ...endpoint } };
}

/** A name of exactly that length. */
export function nameOf(length: number): string {
  return 'n'.repeat(length);
}

/** That many entries of a map. */
export function entries(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v']));
}
