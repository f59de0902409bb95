import { parseArgs } from 'node:util';

export type SoakOptions =
  RunOptions | { readonly do: 'replay'; readonly file: string; readonly json: boolean } | { readonly do: 'help' };

export interface RunOptions {
  readonly do: 'run';
  readonly minutes: number;
  readonly seed: number;
  readonly json: boolean;
  /** Where a history goes. */
  readonly out: string;
  /** Whether one goes there in which nothing is wrong, too. */
  readonly keep: boolean;
}

export const USAGE = `Usage: npm run soak -- [options]

Runs a server for a while, with many who write and watch, most of them through
a network that breaks, while the server is killed, stopped and started, its
history compacted and its disk filled. Everything that happens is written down,
and the validators of docs/WATCH.md look at it.

Options:
  --minutes NUMBER  how long there are faults, 0.05–600 (default: 1)
  --seed NUMBER     what happens, as far as that can be chosen (default: any)
  --out DIR         where the history goes when something is wrong with it
                    (default: soak/histories)
  --keep            keep the history also when nothing is wrong with it
  --replay FILE     run nothing, but look at a history that was kept
  --json            print nothing but the outcome, as JSON
  --help            print this

Exit codes:
  0  nothing is wrong
  1  something is; for a run, the history is kept, and how to look at it printed
  2  an option is wrong
`;

/** @throws Error, whose message is for the user, for options that are none */
export function readOptions(argv: readonly string[], anySeed: () => number): SoakOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string' },
      out: { type: 'string', default: 'soak/histories' },
      keep: { type: 'boolean', default: false },
      replay: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { out, keep, json } = values;
  if (values.help) return { do: 'help' };
  if (values.replay !== undefined) return { do: 'replay', file: values.replay, json };
  const seed = values.seed === undefined ? anySeed() : numberOf('seed', values.seed, 0, 2 ** 31 - 1);
  if (!Number.isInteger(seed)) throw new Error(`--seed must be a whole number, not ${seed}`);
  return { do: 'run', minutes: numberOf('minutes', values.minutes, 0.05, 600), seed, json, out, keep };
}

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text === '' || !(value >= min && value <= max)) {
    throw new Error(`--${name} must be a number of ${min}–${max}, not ${JSON.stringify(text)}`);
  }
  return value;
}
