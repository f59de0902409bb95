export const COLORS = {
  rollcall: '#1f6feb',
  etcd: '#8c959f',
  axis: '#57606a',
  spread: '#24292f',
  unmet: '#cf222e',
  met: '#1a7f37',
};

export interface SvgFrame {
  readonly width: number;
  readonly height: number;
  readonly title: string;
}

/** A whole image on white, with its title, and which colour is whose. */
export function svg({ width, height, title }: SvgFrame, elements: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    svgText({ x: 12, y: 24 }, title, 'font-size="15" font-weight="bold"'),
    ...Object.entries({ Rollcall: COLORS.rollcall, etcd: COLORS.etcd }).flatMap(([name, color], index) => [
      `<rect x="${width - 150 + index * 82}" y="14" width="10" height="10" fill="${color}"/>`,
      svgText({ x: width - 136 + index * 82, y: 23 }, name),
    ]),
    ...elements,
    '</svg>',
    '',
  ].join('\n');
}

export function svgText(
  { x, y }: { readonly x: number; readonly y: number },
  content: string,
  attributes = '',
): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" ${attributes}>${escaped}</text>`;
}
