import type { Command } from 'commander';
import { invalidField } from '../core/errors.js';
import { addCommonHelp, addCommonOptions } from './common-options.js';
import { EXIT } from './exit-code.js';
import { endpointObject, serviceObject } from './json-objects.js';
import { parseSelector, SELECTOR_SYNTAX_HELP } from './selector-syntax.js';
import { withClient, type CommandContext, type Shell } from './shell.js';
import { endpointsTable, servicesTable } from './table.js';

/** As many as a page holds: a command that lists wants all of them. */
const PAGE_SIZE = 1_000;

/** `rollcall ls`. That there is nothing to list is an answer, not a failure. */
export function addLs(program: Command, shell: Shell): void {
  const command = program
    .command('ls')
    .description('list the services, or the endpoints of one service')
    .argument('[service]', 'name of a service, to list its endpoints')
    .option('--selector <SELECTOR>', 'list only the endpoints that match')
    .action(async (service: string | undefined, { selector }: { selector?: string }) => {
      if (service === undefined && selector !== undefined) {
        throw invalidField({ field: '--selector', description: 'needs a SERVICE' });
      }
      await withClient(shell, command, { talkative: false }, (context) =>
        service === undefined ? listServices(context) : listEndpoints(service, selector ?? '', context),
      );
    });
  addCommonOptions(command);
  command.addHelpText('after', `\n${SELECTOR_SYNTAX_HELP}`);
  addCommonHelp(command, "  $ rollcall ls payments --selector 'version in (v1,v2),!canary,zone=a'");
}

async function listServices(context: CommandContext): Promise<number> {
  const services = context.client.listServices({ signal: context.stop, pageSize: PAGE_SIZE });
  return print(services, context, { object: serviceObject, table: servicesTable, none: 'no services' });
}

async function listEndpoints(service: string, selector: string, context: CommandContext): Promise<number> {
  const endpoints = context.client.listEndpoints(service, {
    selector: parseSelector(selector),
    signal: context.stop,
    pageSize: PAGE_SIZE,
  });
  return print(endpoints, context, { object: endpointObject, table: endpointsTable, none: 'no endpoints' });
}

async function print<T>(
  items: AsyncIterable<T>,
  { output }: CommandContext,
  as: { object: (item: T) => object; table: (items: readonly T[]) => string; none: string },
): Promise<number> {
  const rows: T[] = [];
  for await (const item of items) {
    if (output.json) await output.object(as.object(item));
    else rows.push(item);
  }
  if (rows.length > 0) await output.text(as.table(rows));
  else if (!output.json) output.note(as.none);
  return EXIT.ok;
}
