import { InvalidArgumentError, Option, type Command } from 'commander';
import { addCommonHelp, addCommonOptions } from './common-options.js';
import { EXIT } from './exit-code.js';
import { printable } from './printable.js';
import { withClient, type Shell } from './shell.js';

/** `rollcall deregister`. What is gone already is no failure. */
export function addDeregister(program: Command, shell: Shell): void {
  const command = program
    .command('deregister')
    .description('remove an endpoint that is held by a lease')
    .argument('<service>', 'name of the service')
    .argument('<id>', 'id of the endpoint')
    .addOption(
      new Option('--lease <LEASE>', 'the lease it was registered under').argParser(parseLease).makeOptionMandatory(),
    )
    .action(async (service: string, endpointId: string, { lease }: { lease: bigint }) => {
      await withClient(shell, command, { talkative: false }, async ({ client, output, stop }) => {
        const resumeToken = await client.deregister({ service, endpointId, leaseId: lease, signal: stop });
        if (output.json) {
          await output.object({ type: 'deregistered', service, endpoint_id: endpointId, resume_token: resumeToken });
        } else {
          await output.text(`deregistered ${printable(endpointId)} of ${printable(service)}`);
        }
        return EXIT.ok;
      });
    });
  addCommonOptions(command);
  addCommonHelp(command, '  $ rollcall deregister payments 019ab7de-2f60-7c31-9e0a-6f1f0a6d2c55 --lease 42');
}

function parseLease(text: string): bigint {
  if (!/^\d{1,16}$/.test(text)) throw new InvalidArgumentError('It must be the number that register printed.');
  return BigInt(text);
}
