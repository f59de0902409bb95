import { parseArgs } from 'node:util';
import type { Parameters, Program } from './program.js';

export interface Flags<P extends Parameters> {
  readonly parameters: P;
  readonly quick: boolean;
  readonly runs: number;
  readonly waitQuietMs: number;
  readonly runtimeArgs: readonly string[];
  /** Undefined unless told. */
  readonly subjects: readonly string[] | undefined;
}

/**
 * Reads the flags of a program: its parameters, and those that all have:
 * `--quick`, `--runs N` (3), `--wait-quiet SECONDS` (60), `--cpu-prof DIR` for
 * profiles of Rollcall's server, `--runtime-args "ARGS"` for other arguments of
 * its Node, and `--subjects NAMES` for these alone.
 */
export function readFlags<P extends Parameters>(program: Program<P>, argv: readonly string[]): Flags<P> {
  const own = Object.keys(program.parameters).map((name) => [flag(name), { type: 'string' }] as const);
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean' },
      runs: { type: 'string' },
      'wait-quiet': { type: 'string' },
      'cpu-prof': { type: 'string' },
      'runtime-args': { type: 'string' },
      subjects: { type: 'string' },
      ...Object.fromEntries(own),
    },
  });
  const quick = values['quick'] === true;
  const parameters: Record<string, number | string> = { ...program.parameters, ...(quick ? program.quick : {}) };
  for (const [name, value] of Object.entries(parameters)) {
    const given = values[flag(name) as keyof typeof values];
    if (typeof given === 'string') parameters[name] = typeof value === 'number' ? numberOf(name, given) : given;
  }
  return {
    parameters: parameters as P,
    quick,
    runs: numberOf('runs', values['runs'] ?? (quick ? '1' : '3')),
    waitQuietMs: numberOf('waitQuiet', values['wait-quiet'] ?? (quick ? '0' : '60')) * 1_000,
    runtimeArgs: [
      ...(values['cpu-prof'] === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values['cpu-prof']}`]),
      ...(values['runtime-args']?.split(' ') ?? []),
    ],
    subjects: values['subjects']?.split(','),
  };
}

function flag(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value < 0)
    throw new Error(`--${flag(name)} must be a number, not ${text}`);
  return value;
}
