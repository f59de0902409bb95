import { expectTable } from '../../support/document-table.js';
import { METHOD_NAMES } from './methods.js';
import type { Row } from './row.js';
import { ROWS } from './rows.js';

it('docs/ERRORS.md says of every row what the server does', () => {
  expectTable('docs/ERRORS.md', '## What bad input gets', documented(ROWS));
});

/** Rows that differ in the method alone, or in the example behind a colon, are one row of the document. */
function documented(rows: readonly Row[]): string[][] {
  const groups = new Map<string, { methods: Set<string>; examples: Set<string>; input: string; answer: string }>();
  for (const { method, input: inputWithExample, outcome } of rows) {
    const [input = '', ...example] = inputWithExample.split(': ');
    const answer = answerOf(outcome);
    const key = JSON.stringify(example.length === 0 ? [input, answer] : [input, answer, method]);
    const group = groups.get(key) ?? { methods: new Set(), examples: new Set(), input, answer };
    groups.set(key, group);
    group.methods.add(method);
    if (example.length > 0) group.examples.add(example.join(': '));
  }
  return [...groups.values()].map(({ methods, examples, input, answer }) => [
    examples.size === 0 ? input : `${input}: ${[...examples].join(', ')}`,
    methods.size === METHOD_NAMES.length ? 'every method' : [...methods].join(', '),
    answer,
  ]);
}

function answerOf(outcome: Row['outcome']): string {
  if ('answered' in outcome) return outcome.answered;
  const { status, reason, fields = [] } = outcome;
  const named = fields.map((field) => `\`${shortened(field)}\``).join(', ');
  return [status, ...(reason === undefined ? [] : [`\`${reason}\``]), ...(named === '' ? [] : [named])].join(' ');
}

/** A field's path, with long keys cut short. */
function shortened(field: string): string {
  return field.replace(/(.)\1{15,}/, '$1…');
}
