import { checkServiceName } from '../core/names.js';
import { checkSelector } from '../core/selector.js';
import { decodeToken } from '../core/token.js';
import { Violations } from '../core/violations.js';
import type { WatchRequest } from '../gen/rollcall/v1/discovery.js';
import type { WatchTarget } from '../watch/watch-hub.js';

/**
 * What a request asks to watch, on a connection that its peer names.
 *
 * @throws RollcallError INVALID_FIELD, INVALID_TOKEN
 */
export function checkWatch(request: WatchRequest, connection: string): WatchTarget {
  const violations = new Violations();
  const name = checkServiceName(violations, request);
  const selector = checkSelector(violations, request.selector, 'selector');
  violations.throwIfAny();
  const token = request.resumeToken === '' ? undefined : decodeToken(request.resumeToken, 'resume_token');
  return { name, selector, token, viewDigest: request.viewDigest, connection };
}
