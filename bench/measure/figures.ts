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

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
