import { Command } from 'commander';
import { addCommonOptions } from './common-options.js';
import { addDeregister } from './deregister.js';
import { addHealth } from './health.js';
import { addLs } from './ls.js';
import { addRegister } from './register.js';
import type { Shell } from './shell.js';
import { addWatch } from './watch.js';

/**
 * The command line. What a command needs is loaded only when it runs:
 * `rollcall ls` loads no server, and `rollcall --help` neither server nor client.
 */
export function buildProgram(version: string, shell: Shell): Command {
  const program = new Command('rollcall')
    .description('The discovery control plane for gRPC.')
    .version(version)
    .exitOverride()
    // Errors are said by whoever ends the process.
    .configureOutput({ outputError: () => undefined })
    // What follows the name of a command belongs to it: to serve, that has options of its own, all of it.
    .enablePositionalOptions();
  addCommonOptions(program);
  addServe(program);
  addRegister(program, shell);
  addDeregister(program, shell);
  addLs(program, shell);
  addWatch(program, shell);
  addHealth(program, shell);
  return program;
}

/** A stand-in for `serve` that loads it and passes everything on, `--help` too. */
function addServe(program: Command): void {
  program
    .command('serve')
    .description('run the control plane')
    .usage('[options]')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .argument('[arguments...]')
    .addHelpText('after', '\nIts options are shown by: rollcall serve --help')
    .action(async (words: string[]) => {
      const { serveCommand } = await import('./serve.js');
      const serve = serveCommand().name('rollcall serve').copyInheritedSettings(program);
      await serve.parseAsync(words, { from: 'user' });
    });
}
