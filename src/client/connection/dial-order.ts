/**
 * In which order to try servers after `last` was used or failed: the
 * configured ones from the next on in rotation, then the alternates that a
 * server has named, and `last` itself at the end.
 *
 * @param last undefined when none was used yet
 */
export function dialOrder(options: {
  readonly servers: readonly string[];
  readonly alternates: readonly string[];
  readonly last: string | undefined;
}): string[] {
  const { servers, alternates, last } = options;
  // One that is none of them is followed by the first.
  const first = last === undefined ? 0 : servers.indexOf(last) + 1;
  const rotated = servers.map((_, index) => servers[(first + index) % servers.length] as string);
  const others = [...rotated, ...alternates].filter((server) => server !== last);
  return [...new Set(last === undefined ? others : [...others, last])];
}
