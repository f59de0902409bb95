import type { Xxh64 } from './hash.js';
import type { ServiceName } from './names.js';
import type { CanonicalSelector } from './selector.js';
import type { Scope } from './token.js';

/** The hash that binds a token to the view it names; never {@link NO_SCOPE}. */
export function viewScope(xxh64: Xxh64, { namespace, service }: ServiceName, selector: CanonicalSelector): Scope {
  return xxh64(`${namespace}/${service}?${selector.key}`) || 1n;
}
