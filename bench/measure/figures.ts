/** Numbers by name, units last; may be nested. */
export interface Figures {
  readonly [name: string]: number | Figures;
}

/** For each number its median over several runs, to four digits. */
export function medianFigures(runs: readonly Figures[]): Figures {
  const [first] = runs;
  if (first === undefined) return {};
  return Object.fromEntries(
    Object.entries(first).map(([name, value]) => {
      const values = runs.map((run) => run[name]);
      return [
        name,
        typeof value === 'number' ? rounded(median(values as number[])) : medianFigures(values as Figures[]),
      ];
    }),
  );
}

/** The number at a path such as `callers64.p99Ms`. Throws if there is none. */
export function figureAt(figures: Figures, path: string): number {
  let value: number | Figures | undefined = figures;
  for (const name of path.split('.')) value = typeof value === 'object' ? value[name] : undefined;
  if (typeof value !== 'number') throw new Error(`there is no figure ${path}`);
  return value;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** To four digits. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
