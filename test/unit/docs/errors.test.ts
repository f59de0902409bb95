import { REASONS } from '../../../src/core/errors.js';
import { expectTable } from '../../support/document-table.js';

it('docs/ERRORS.md lists every reason with its status, whether to retry, and what to do', () => {
  const rows = Object.entries(REASONS).map(([reason, { status, retryable, remedy }]) => [
    `\`${reason}\``,
    status,
    retryable ? 'yes' : 'no',
    remedy,
  ]);
  expectTable('docs/ERRORS.md', '## Reasons', rows);
});
