const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNITS_MS;

const TEXT = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** Milliseconds from `500ms`, `10s`, `1.5m`, `1h` or `2d`; undefined for anything else. */
export function parseDurationText(text: string): number | undefined {
  const [, amount, unit] = TEXT.exec(text) ?? [];
  return amount === undefined ? undefined : Math.round(Number(amount) * UNITS_MS[unit as Unit]);
}

/** The shortest text that {@link parseDurationText} reads back as `ms`. */
export function formatDurationText(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((candidate) => ms > 0 && ms % UNITS_MS[candidate] === 0) ?? 'ms';
  return `${ms / UNITS_MS[unit]}${unit}`;
}
