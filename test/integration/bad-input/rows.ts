import { ANY_METHOD, TEXT, TOLERATED } from './any-method.js';
import { DISCOVERY_FIELDS } from './discovery-fields.js';
import { ENDPOINT_FIELDS } from './endpoint-fields.js';
import { REGISTRATION_FIELDS } from './registration-fields.js';
import type { Row } from './row.js';

/** What bad input gets, and input at its bounds: the table that docs/ERRORS.md shows and the tests walk. */
export const ROWS: readonly Row[] = [
  ...ANY_METHOD,
  ...TEXT,
  ...TOLERATED,
  ...ENDPOINT_FIELDS,
  ...REGISTRATION_FIELDS,
  ...DISCOVERY_FIELDS,
];
