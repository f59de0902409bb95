/**
 * In which order to try servers after `last` was used or failed: the
 * configured ones from the next on in rotation, then the alternates that a
 * server has named, and `last` itself at the end.
 *
 * @param last undefined when none was used yet: then the order begins at
 *   `start`, an index that the caller draws at random, so that clients spread
 */
export function dialOrder(options: {
  readonly servers: readonly string[];
  readonly alternates: readonly string[];
  readonly last: string | undefined;
  readonly start: number;
}): string[] {
  const { servers, alternates, last, start } = options;
  const lastIndex = last === undefined ? -1 : servers.indexOf(last);
  const first = lastIndex === -1 ? start : lastIndex + 1;
  const rotated = servers.map((_, index) => servers[(first + index) % servers.length] as string);
  const others = [...rotated, ...alternates].filter((server) => server !== last);
  return [...new Set(last === undefined ? others : [...others, last])];
}
