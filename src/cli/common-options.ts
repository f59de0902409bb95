import { InvalidArgumentError, Option, type Command } from 'commander';
import { DEFAULTS } from '../core/limits.js';
import { formatDurationText, parseDurationText } from '../lib/duration-text.js';
import { EXIT_CODES_HELP } from './exit-code.js';

/** What every client command can be told, before or after its name. */
export interface CommonOptions {
  readonly servers: readonly string[];
  readonly namespace: string;
  readonly json: boolean;
  readonly timeoutMs: number;
}

/** Each as commander found it: undefined where it was not given. */
interface Given {
  readonly server?: readonly string[];
  readonly namespace?: string;
  readonly json?: boolean;
  readonly timeout?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Adds the common options, of which none has a default, so that {@link commonOptions} can see which were given. The
 * timeout is only for the help.
 */
export function addCommonOptions(command: Command, defaultTimeoutMs = DEFAULT_TIMEOUT_MS): Command {
  const timeout = formatDurationText(defaultTimeoutMs);
  return command
    .addOption(
      new Option(
        '--server <HOST:PORT>',
        'server of the catalog; repeat or separate by commas for several (default: 127.0.0.1:7400; env: ROLLCALL_SERVER)',
      ).argParser(collectServers),
    )
    .option('--namespace <NAME>', `namespace (default: ${DEFAULTS.namespace}; env: ROLLCALL_NAMESPACE)`)
    .option('--json', 'print one JSON object a line, and errors as a JSON object')
    .addOption(
      new Option('--timeout <DURATION>', `how long to try to reach a server (default: ${timeout})`).argParser(
        parseDuration,
      ),
    );
}

/** The help that every client command ends with. */
export function addCommonHelp(command: Command, example: string): Command {
  return command.addHelpText('after', `\n${EXIT_CODES_HELP}\n\nExample:\n${example}`);
}

/** What a command was told, after its name or else before it, or else by the environment. */
export function commonOptions(
  command: Command,
  environment: NodeJS.ProcessEnv,
  defaultTimeoutMs = DEFAULT_TIMEOUT_MS,
): CommonOptions {
  const near: Given = command.opts();
  const far: Given = command.parent?.opts() ?? {};
  const fromEnvironment = environment['ROLLCALL_SERVER'] ?? '';
  return {
    servers: near.server ?? far.server ?? collectServers(fromEnvironment === '' ? '127.0.0.1' : fromEnvironment),
    namespace: near.namespace ?? far.namespace ?? (environment['ROLLCALL_NAMESPACE'] || DEFAULTS.namespace),
    json: near.json ?? far.json ?? false,
    timeoutMs: near.timeout ?? far.timeout ?? defaultTimeoutMs,
  };
}

function collectServers(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(',').map((server) => server.trim())];
}

/** For options that take a duration. */
export function parseDuration(text: string): number {
  const ms = parseDurationText(text);
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration such as 500ms, 10s or 1.5m.');
  return ms;
}
