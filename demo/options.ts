import { parseArgs } from 'node:util';

export interface DemoOptions {
  readonly durationMs: number;
  readonly callsPerSecond: number;
  /** One line a change, in place of a display that is drawn over and over. */
  readonly plain: boolean;
  readonly json: boolean;
  /** The caller does not make lost calls again, so that some fail. */
  readonly broken: boolean;
}

export const USAGE = `Usage: npm run demo -- [options]

Shows Rollcall at work, with real processes on this machine: a control plane,
backends in two zones that come, drain and are killed, and a caller that
goes on calling. The control plane is killed, too, and comes back.

Options:
  --duration SECONDS  about how long, 8–600 (default: 30)
  --rate NUMBER       calls a second, 1–2000 (default: 200)
  --plain             lines instead of a live display; so also without a terminal
  --json              print nothing but the outcome, as JSON
  --break             do not make lost calls again, and have backends take
                      longer: calls fail, and the demonstration must say so
  --help              print this

Exit codes:
  0  no call failed, and every change arrived in time
  1  one did, or did not
  2  an option is wrong
`;

/** @throws Error, whose message is for the user, for options that are none */
export function readOptions(argv: readonly string[], isTerminal: boolean): DemoOptions | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      duration: { type: 'string', default: '30' },
      rate: { type: 'string', default: '200' },
      plain: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      break: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    durationMs: numberOf('duration', values.duration, 8, 600) * 1_000,
    callsPerSecond: numberOf('rate', values.rate, 1, 2_000),
    plain: values.plain || !isTerminal,
    json: values.json,
    broken: values.break,
  };
}

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text === '' || !(value >= min && value <= max)) {
    throw new Error(`--${name} must be a number of ${min}–${max}, not ${JSON.stringify(text)}`);
  }
  return value;
}
