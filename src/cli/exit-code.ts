import { constants } from 'node:os';
import { REASONS, type RollcallError } from '../core/errors.js';

/** How the client commands end; also in their help. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** EX_UNAVAILABLE of sysexits. */
  unavailable: 69,
  /** As shells have it, for a COMMAND that cannot be started. */
  notExecutable: 126,
  notFound: 127,
} as const;

export const EXIT_CODES_HELP = `Exit codes:
  0    ok
  1    failed, refused or not serving
  2    wrong usage, or a value that the server does not accept
  69   no server answered within --timeout
  128+N  ended by signal N (130 is SIGINT, 143 SIGTERM)`;

export function exitCodeOf({ reason }: RollcallError): number {
  if (reason === 'INVALID_FIELD' || reason === 'INVALID_TOKEN') return EXIT.usage;
  const { status } = REASONS[reason];
  return status === 'UNAVAILABLE' || status === 'DEADLINE_EXCEEDED' ? EXIT.unavailable : EXIT.failed;
}

/** The exit code that stands for a signal. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
