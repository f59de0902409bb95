import { RollcallError } from '../core/errors.js';
import type { Xxh64 } from '../core/hash.js';
import { DEFAULTS, LIMITS } from '../core/limits.js';
import { checkName, checkServiceName } from '../core/names.js';
import { checkSelector } from '../core/selector.js';
import { decodeToken, encodeToken, NO_SCOPE, type Scope } from '../core/token.js';
import { viewScope } from '../core/view-scope.js';
import { Violations } from '../core/violations.js';
import type {
  ListEndpointsRequest,
  ListEndpointsResponse,
  ListServicesRequest,
  ListServicesResponse,
  ServiceSummary,
} from '../gen/rollcall/v1/discovery.js';
import type { Endpoint } from '../gen/rollcall/v1/endpoint.js';
import type { Directory } from '../directory/directory.js';

/** A page of endpoints is filled up to this, whatever its size in endpoints. */
const PAGE_BYTES_MAX = LIMITS.messageBytesMax - 2 * LIMITS.endpointBytesMax;

/**
 * Lists, in pages. A page is cut by the last name on the page before, so that
 * what exists throughout a listing appears exactly once, whatever else comes
 * and goes; no state is kept between pages.
 */
export class Listing {
  readonly #directory: Directory;
  readonly #xxh64: Xxh64;

  constructor(directory: Directory, xxh64: Xxh64) {
    this.#directory = directory;
    this.#xxh64 = xxh64;
  }

  /** @throws RollcallError INVALID_FIELD, INVALID_TOKEN, REVISION_UNAVAILABLE */
  async endpoints(request: ListEndpointsRequest): Promise<ListEndpointsResponse> {
    const violations = new Violations();
    const name = checkServiceName(violations, request);
    const selector = checkSelector(violations, request.selector, 'selector');
    const pageSize = checkPageSize(violations, request.pageSize);
    violations.throwIfAny();
    const scope = viewScope(this.#xxh64, name, selector);
    const after = decodePageToken(request.pageToken, scope);
    await this.#catchUp(request.minToken);

    const endpoints: Endpoint[] = [];
    let bytes = 0;
    let more = false;
    for (const { endpoint, encoded } of this.#directory.service(name)?.endpointsAfter(after) ?? []) {
      if (!selector.matches(endpoint)) continue;
      more = endpoints.length === pageSize || bytes > PAGE_BYTES_MAX;
      if (more) break;
      endpoints.push(endpoint);
      bytes += encoded.length;
    }
    return {
      endpoints,
      nextPageToken: more ? encodePageToken(endpoints.at(-1)!.id, scope) : '',
      resumeToken: this.#token(!more && after === '' ? scope : NO_SCOPE),
    };
  }

  /** @throws RollcallError INVALID_FIELD, INVALID_TOKEN, REVISION_UNAVAILABLE */
  async services(request: ListServicesRequest): Promise<ListServicesResponse> {
    const violations = new Violations();
    const namespace = request.namespace === '' ? DEFAULTS.namespace : request.namespace;
    checkName(violations, 'namespace', 'namespace', namespace);
    const pageSize = checkPageSize(violations, request.pageSize);
    violations.throwIfAny();
    const scope = this.#xxh64(`${namespace}/`);
    const after = decodePageToken(request.pageToken, scope);
    await this.#catchUp(request.minToken);

    const services: ServiceSummary[] = [];
    let more = false;
    for (const { name, endpoints, counts } of this.#directory.servicesAfter(namespace, after)) {
      if (endpoints.size === 0) continue;
      more = services.length === pageSize;
      if (more) break;
      services.push({ ...name, ...counts });
    }
    const nextPageToken = more ? encodePageToken(services.at(-1)!.service, scope) : '';
    return { services, nextPageToken, resumeToken: this.#token(NO_SCOPE) };
  }

  /** Waits until the directory is as new as the token, and as any write that was answered before. */
  async #catchUp(minToken: string): Promise<void> {
    const token = minToken === '' ? undefined : decodeToken(minToken, 'min_token');
    // A revision of another history says nothing here: the present state is all there is.
    await this.#directory.current(token?.epoch === this.#directory.epoch ? token.revision : 0);
  }

  #token(scope: Scope): string {
    return encodeToken({ epoch: this.#directory.epoch, revision: this.#directory.revision, scope });
  }
}

function checkPageSize(violations: Violations, pageSize: number): number {
  violations.check(pageSize <= LIMITS.pageSizeMax, 'page_size', `must be at most ${LIMITS.pageSizeMax}`);
  return pageSize === 0 ? DEFAULTS.pageSize : pageSize;
}

/** The last name of a page, bound to the listing it is a page of. */
function encodePageToken(last: string, scope: Scope): string {
  return Buffer.from(`${scope.toString(36)}/${last}`).toString('base64url');
}

/** @throws RollcallError INVALID_TOKEN */
function decodePageToken(token: string, scope: Scope): string {
  if (token === '') return '';
  const text = token.length <= LIMITS.tokenLengthMax ? Buffer.from(token, 'base64url').toString() : '';
  const last = text.slice(text.indexOf('/') + 1);
  if (token === encodePageToken(last, scope)) return last;
  const description = 'not the next_page_token of a page of this listing';
  throw new RollcallError('INVALID_TOKEN', `page_token: ${description}`, {
    violations: [{ field: 'page_token', description }],
  });
}
