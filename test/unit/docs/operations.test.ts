import { readFileSync } from 'node:fs';
import { SETTINGS } from '../../../src/server/index.js';

const operations = readFileSync('docs/OPERATIONS.md', 'utf8');

describe('docs/OPERATIONS.md', () => {
  it.each(Object.entries(SETTINGS))('says what %s is and what it is by default', (name, setting) => {
    expect(operations).toContain(`| \`${name}\` | ${setting.default} | ${setting.description} |`);
  });
});
