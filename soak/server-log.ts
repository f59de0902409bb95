/** pino's number for `error`. */
const ERROR_LEVEL = 50;
/** What a server may say of a disk that was filled. */
const EXPECTED = 'the store refuses writes; reads, watches and renewals go on';

/** What a server should not have logged: errors but for those of a full disk, and what is no log line at all. */
export function unexpectedIn(log: string): string[] {
  return log.split('\n').flatMap((line) => {
    if (line === '') return [];
    const { level, msg } = parsed(line);
    if (level !== undefined && (level < ERROR_LEVEL || msg === EXPECTED)) return [];
    return `log: ${line.slice(0, 500)}`;
  });
}

function parsed(line: string): { readonly level?: number; readonly msg?: string } {
  try {
    return JSON.parse(line) as { level?: number; msg?: string };
  } catch {
    return {};
  }
}
