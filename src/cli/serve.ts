import { setLogger } from '@grpc/grpc-js';
import { Command, InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import { isRollcallError, type Reason } from '../core/errors.js';
import { formatDurationText } from '../lib/duration-text.js';
import {
  environmentVariable,
  readConfig,
  RollcallServer,
  SETTING_NAMES,
  SETTINGS,
  type Config,
} from '../server/index.js';

/** How `rollcall serve` ends; also in its help and in docs/OPERATIONS.md. */
const EXIT = { ok: 0, failed: 1, configuration: 2, store: 3, address: 4 } as const;

const EXIT_OF_REASON: Partial<Record<Reason, number>> = {
  INVALID_FIELD: EXIT.configuration,
  STORE_LOCKED: EXIT.store,
  STORE_CORRUPT: EXIT.store,
  STORE_FORMAT: EXIT.store,
  STORE_UNAVAILABLE: EXIT.store,
  STORE_FULL: EXIT.store,
  ADDRESS_UNAVAILABLE: EXIT.address,
};

/** `rollcall serve`: runs the control plane until it is told to stop. */
export function serveCommand(): Command {
  const command = new Command('serve')
    .description('Run the control plane until SIGTERM or SIGINT.')
    .option('--config <FILE>', 'YAML file with any of these settings, by their names without dashes in front')
    .option('--print-config', 'print the settings that would be used, as YAML, and exit')
    .option('--new-epoch', 'begin a new history on the data; needed once after restoring a backup');
  for (const name of SETTING_NAMES) {
    const { placeholder, description, default: value } = SETTINGS[name];
    command.addOption(
      new Option(`--${name} <${placeholder}>`, `${description} (default: ${value}; env: ${environmentVariable(name)})`),
    );
  }
  for (const name of ['port', 'host']) command.addOption(insteadOfListen(name));
  return command
    .addHelpText(
      'after',
      `
Settings are taken from flags, then environment variables, then the file.

Exit codes:
  0  stopped in good order
  1  failed while running
  2  a setting is wrong
  3  the data directory cannot be used: locked, damaged, full, or of another version
  4  the address cannot be bound

Example:
  $ rollcall serve --listen 127.0.0.1:7400 --data-dir ./data`,
    )
    .action(async (options: Record<string, string | boolean | undefined>) => {
      process.exitCode = await serve(options);
    });
}

/** What others call a part of --listen. */
function insteadOfListen(name: string): Option {
  return new Option(`--${name} <VALUE>`).hideHelp().argParser(() => {
    throw new InvalidArgumentError('Both are in --listen HOST:PORT.');
  });
}

async function serve(options: Record<string, string | boolean | undefined>): Promise<number> {
  try {
    const config = readConfig({
      flags: Object.fromEntries(SETTING_NAMES.map((name) => [name, options[camelCase(name)] as string | undefined])),
      environment: process.env,
      file: options['config'] as string | undefined,
    });
    if (options['printConfig'] === true) {
      process.stdout.write(printConfig(config));
      return EXIT.ok;
    }
    return await run(config, options['newEpoch'] === true);
  } catch (error) {
    if (!isRollcallError(error)) throw error;
    const lines = error.violations.map(({ field, description }) => `${field}: ${description}`);
    for (const line of lines.length > 0 ? lines : [error.message]) process.stderr.write(`rollcall serve: ${line}\n`);
    return EXIT_OF_REASON[error.reason] ?? EXIT.failed;
  }
}

async function run(config: Config, newEpoch: boolean): Promise<number> {
  const logger = pino({ level: config['log-level'] }, pino.destination({ fd: 2, sync: true }));
  // What grpc-js says of itself belongs into the same log; what it calls an error is told by what fails.
  const fromTransport = (...words: unknown[]) => logger.debug({ component: 'grpc-js' }, words.join(' '));
  setLogger({ error: fromTransport, info: fromTransport, debug: fromTransport });
  let end: (how: { code: number; signal?: NodeJS.Signals }) => void = () => undefined;
  const ended = new Promise<Parameters<typeof end>[0]>((resolve) => (end = resolve));
  // From the beginning, for whoever reads that it listens may stop it in the same moment.
  const onSignal = (signal: NodeJS.Signals) => end({ code: EXIT.ok, signal });
  // A second signal changes nothing: npm and the terminal both send Ctrl-C, and a shutdown ends by itself.
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  // A broken invariant ends the process: what it would go on to say could be wrong.
  process.once('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'a defect; ending at once');
    process.exit(EXIT.failed);
  });

  const server = await RollcallServer.start(config, {
    logger,
    newEpoch,
    onFailed: (error) => {
      logger.fatal({ err: error }, 'the store can no longer be followed');
      end({ code: EXIT.failed });
    },
  });
  const where = config.store === 'memory' ? 'memory' : `lmdb in ${config['data-dir']}`;
  logger.info({ address: server.address, store: config.store, ...server.counts }, 'serving');
  process.stdout.write(`rollcall listening on ${server.address} (store: ${where})\n`);

  const { code, signal } = await ended;
  logger.info({ signal, ...server.counts }, 'shutting down');
  await server.close();
  logger.info('stopped');
  return code;
}

function printConfig(config: Config): string {
  const lines = SETTING_NAMES.map((name) => {
    const value = SETTINGS[name].placeholder === 'DURATION' ? formatDurationText(Number(config[name])) : config[name];
    return `${name}: ${typeof value === 'number' ? value : JSON.stringify(value)}\n`;
  });
  return lines.join('');
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}
