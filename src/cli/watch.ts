import type { Command } from 'commander';
import { RollcallError } from '../core/errors.js';
import { systemClock } from '../lib/clock.js';
import { linkAbort } from '../lib/linked-abort.js';
import { addCommonHelp, addCommonOptions } from './common-options.js';
import { EXIT } from './exit-code.js';
import { eventObject } from './json-objects.js';
import { parseSelector, SELECTOR_SYNTAX_HELP } from './selector-syntax.js';
import { withClient, type CommandContext, type Shell } from './shell.js';
import { WatchText } from './watch-text.js';

interface WatchFlags {
  readonly selector?: string;
  readonly resume?: string;
}

/** `rollcall watch`: prints events until it is told to end. Once it was answered, it waits out every outage. */
export function addWatch(program: Command, shell: Shell): void {
  const command = program
    .command('watch')
    .description('follow the endpoints of a service')
    .argument('<service>', 'name of the service')
    .option('--selector <SELECTOR>', 'follow only the endpoints that match')
    .option('--resume <TOKEN>', 'go on from the resume_token of an earlier watch, as --json prints it')
    .action(async (service: string, flags: WatchFlags) => {
      await withClient(shell, command, { talkative: true }, (context) => watch(service, flags, context));
    });
  addCommonOptions(command);
  command.addHelpText('after', `\n${SELECTOR_SYNTAX_HELP}`);
  addCommonHelp(command, "  $ rollcall watch payments --selector 'version=v1'");
}

async function watch(service: string, { selector, resume }: WatchFlags, context: CommandContext): Promise<number> {
  const { client, output, stop, options, signals, colors } = context;
  const scope = linkAbort(stop);
  const unanswered = new RollcallError(
    'SERVER_UNREACHABLE',
    `no answer from ${options.servers.join(', ')} within ${options.timeoutMs} ms`,
  );
  const deadline = systemClock.after(options.timeoutMs, () => scope.abort(unanswered));
  const text = new WatchText(service, colors);
  try {
    const events = client.follow(service, {
      selector: parseSelector(selector ?? ''),
      resumeToken: resume,
      signal: scope.signal,
    });
    for await (const event of events) {
      deadline.cancel();
      if (output.json) {
        await output.object(eventObject(event));
      } else {
        const lines = text.lines(event, new Date(systemClock.wallMs()));
        if (lines.length > 0) await output.text(lines.join('\n'));
      }
    }
  } finally {
    deadline.cancel();
    scope.unlink();
  }
  if (!stop.aborted) throw unanswered;
  return signals.exitCode ?? EXIT.ok;
}
