import { InvalidArgumentError, Option, type Command } from 'commander';
import type { EndpointInit, Registration } from '../client/index.js';
import { LIMITS } from '../core/limits.js';
import { formatDurationText } from '../lib/duration-text.js';
import { messageOf } from '../lib/message-of.js';
import { runProgram } from './child-program.js';
import { addCommonHelp, addCommonOptions, parseDuration } from './common-options.js';
import { EXIT } from './exit-code.js';
import { endpointObject } from './json-objects.js';
import { collect, collectPair } from './pairs.js';
import { printable } from './printable.js';
import { withClient, type CommandContext, type Shell } from './shell.js';

/** However slow the server is, a program that was told to end is not kept from it for longer. */
const DEREGISTER_TIMEOUT_MS = 2_000;

interface RegisterFlags {
  readonly address: readonly string[];
  readonly id?: string;
  readonly region?: string;
  readonly zone?: string;
  readonly subZone?: string;
  readonly weight?: number;
  readonly label?: Readonly<Record<string, string>>;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly ttl?: number;
  readonly quiet?: boolean;
}

/** `rollcall register`: keeps an endpoint registered for as long as it runs, or COMMAND does. */
export function addRegister(program: Command, shell: Shell): void {
  const command = program
    .command('register')
    .description('register an endpoint for as long as this runs, or COMMAND does')
    .usage('SERVICE --address HOST:PORT [options] [-- COMMAND ARGS...]')
    .argument('<service>', 'name of the service')
    .argument('[command...]', 'after --, a program to run once registered; its exit code is returned')
    .requiredOption('--address <HOST:PORT>', 'where the endpoint accepts connections; may be repeated', collect)
    .option('--id <ID>', 'id of the endpoint; replaces a registration with the same id (default: a new UUID)')
    .option('--region <NAME>', 'region it runs in')
    .option('--zone <NAME>', 'zone it runs in (env: ROLLCALL_ZONE)')
    .option('--sub-zone <NAME>', 'part of the zone it runs in')
    .addOption(
      new Option('--weight <NUMBER>', `share of calls, 0–${LIMITS.weightMax} (default: 100)`).argParser(parseWeight),
    )
    .option('--label <KEY=VALUE>', 'label, for selectors; may be repeated', collectPair)
    .option('--metadata <KEY=VALUE>', 'metadata, for applications; may be repeated', collectPair)
    .addOption(
      new Option('--ttl <DURATION>', 'how long it outlives this process, 1s–24h (default: 15s)').argParser(parseTtl),
    )
    .option('--quiet', 'print nothing once registered')
    .action(async (service: string, words: readonly string[], flags: RegisterFlags) => {
      await withClient(shell, command, { talkative: true }, (context) =>
        register(toEndpointInit(service, flags), words, flags, context),
      );
    });
  addCommonOptions(command);
  addCommonHelp(
    command,
    `  $ rollcall register payments --address 10.0.0.7:8080 --zone a --label version=v1
  $ rollcall register payments --address 10.0.0.7:8080 -- node server.js --port 8080`,
  );
}

async function register(
  endpoint: EndpointInit,
  [file, ...args]: readonly string[],
  { ttl, quiet }: RegisterFlags,
  context: CommandContext,
): Promise<number> {
  const { client, stop, signals } = context;
  const registration = await client.register(endpoint, { signal: stop, ttlMs: ttl });
  const deregister = (): Promise<void> => close(registration, context);
  try {
    if (quiet !== true) await printRegistered(registration, context);
    if (file !== undefined) return await runProgram({ file, args, beforeEnd: deregister }, context);
    await aborted(stop);
    return signals.exitCode ?? EXIT.ok;
  } finally {
    await deregister();
  }
}

async function printRegistered({ state }: Registration, { output }: CommandContext): Promise<void> {
  // Should it be lost again already, stderr says so.
  if (state.kind !== 'registered') return;
  const { endpoint, leaseId, ttlMs, resumeToken } = state;
  if (output.json) {
    const lease = { lease_id: Number(leaseId), ttl_ms: ttlMs };
    await output.object({
      type: 'registered',
      endpoint: endpointObject(endpoint),
      ...lease,
      resume_token: resumeToken,
    });
  } else {
    const { service, id } = endpoint;
    const lease = `lease ${leaseId}, ttl ${formatDurationText(ttlMs)}`;
    await output.text(`registered ${printable(id)} of ${printable(service)} (${lease})`);
  }
}

/** That it fails is no reason to end in another way: the endpoint lapses with its TTL. Idempotent. */
async function close(registration: Registration, { output, options }: CommandContext): Promise<void> {
  try {
    await registration.close({ timeoutMs: Math.min(DEREGISTER_TIMEOUT_MS, options.timeoutMs) });
  } catch (error) {
    const why = messageOf(error);
    output.note(`could not deregister ${registration.id}, which lapses with its TTL: ${why}`, 'warn');
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function toEndpointInit(service: string, flags: RegisterFlags): EndpointInit {
  const { address: addresses, id, region, zone, subZone, weight, label: labels, metadata } = flags;
  const locality = {
    ...(region === undefined ? {} : { region }),
    // Where it is not given, that of the environment is.
    ...(zone === undefined ? {} : { zone }),
    ...(subZone === undefined ? {} : { subZone }),
  };
  const anywhere = Object.keys(locality).length === 0;
  return { service, addresses, id, locality: anywhere ? undefined : locality, weight, labels, metadata };
}

function parseTtl(text: string): number {
  const ttlMs = parseDuration(text);
  if (ttlMs < LIMITS.ttlMsMin || ttlMs > LIMITS.ttlMsMax) throw new InvalidArgumentError('It must be 1s–24h.');
  return ttlMs;
}

function parseWeight(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > LIMITS.weightMax) {
    throw new InvalidArgumentError(`It must be a number of 0–${LIMITS.weightMax}.`);
  }
  return Number(text);
}
