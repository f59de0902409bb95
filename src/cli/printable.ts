/**
 * Text that others chose (labels, ids, messages), made safe for a terminal:
 * control characters, which could move the cursor or change colours, and
 * invisible characters that reorder text are shown as escapes.
 */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
