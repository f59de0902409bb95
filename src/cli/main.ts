#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { createColors } from 'picocolors';
import { isRollcallError, RollcallError } from '../core/errors.js';
import { EXIT, exitCodeOf } from './exit-code.js';
import { Output } from './output.js';
import { buildProgram } from './program.js';

const words = process.argv.slice(2);
const ownWords = words.includes('--') ? words.slice(0, words.indexOf('--')) : words;
const output = new Output(process, ownWords.includes('--json'));

/** Says why a command failed, and returns how the process is to end. */
function exitCodeOfFailure(error: unknown): number {
  if (error instanceof CommanderError) {
    // --help and --version end so too.
    if (error.exitCode === 0) return EXIT.ok;
    if (error.code !== 'commander.help') {
      const description = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
      output.error(
        new RollcallError('INVALID_FIELD', description, { violations: [{ field: 'arguments', description }] }),
      );
    }
    return EXIT.usage;
  }
  output.error(error);
  return isRollcallError(error) ? exitCodeOf(error) : EXIT.failed;
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const program = buildProgram(version, {
  output,
  environment: process.env,
  colors: createColors(process.stdout.isTTY && process.env['NO_COLOR'] === undefined),
  onExit: (code) => (process.exitCode = code),
});
try {
  await program.parseAsync(words, { from: 'user' });
} catch (error) {
  process.exitCode = exitCodeOfFailure(error);
}

// What was printed is to be read, but a connection attempt that was given up, of which grpc-js does not let go before it
// fails by itself, is nothing to wait for.
await output.flush();
process.exit();
