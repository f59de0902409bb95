import { readFileSync, writeFileSync } from 'node:fs';

/** Set to 1 to write the tables of docs/ anew from the code, instead of holding them against it. */
const WRITE = process.env['ROLLCALL_WRITE_DOCS'] === '1';

/**
 * Expects the first table after a heading of a Markdown file to have these rows, header excluded. How its columns are
 * aligned does not matter.
 */
export function expectTable(file: string, heading: string, rows: readonly (readonly string[])[]): void {
  const lines = readFileSync(file, 'utf8').split('\n');
  const from = lines.indexOf(heading);
  if (from < 0) throw new Error(`${file} has no heading "${heading}"`);
  const header = lines.findIndex((line, index) => index > from && line.startsWith('|'));
  const end = lines.findIndex((line, index) => index > header && !line.startsWith('|'));
  if (WRITE) {
    const written = rows.map((cells) => `| ${cells.map(escaped).join(' | ')} |`);
    writeFileSync(file, [...lines.slice(0, header + 2), ...written, ...lines.slice(end)].join('\n'));
  } else {
    expect(lines.slice(header + 2, end).map(cellsOf)).toEqual(rows);
  }
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|');
}

function cellsOf(line: string): string[] {
  const cells = line.split(/(?<!\\)\|/).slice(1, -1);
  return cells.map((cell) => cell.trim().replaceAll('\\|', '|'));
}
