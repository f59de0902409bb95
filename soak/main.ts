/** `npm run soak`: see {@link USAGE}. */
import { randomInt } from 'node:crypto';
import { constants } from 'node:os';
import { loadXxh64 } from '../src/core/hash.js';
import { messageOf } from '../src/lib/message-of.js';
import { readHistory, type KeptHistory } from './history-file.js';
import { readOptions, USAGE, type SoakOptions } from './options.js';
import { outcomeText, problemsText } from './outcome.js';
import { replay } from './replay.js';
import { run } from './run.js';

/** Returns the exit code. */
async function act(options: SoakOptions): Promise<number> {
  switch (options.do) {
    case 'help':
      process.stdout.write(USAGE);
      return 0;
    case 'replay': {
      const kept = understood(() => readHistory(options.file));
      return kept === undefined ? 2 : lookAgain(kept, options.json);
    }
    case 'run': {
      const note = (text: string): void => void (options.json || process.stdout.write(`${text}\n`));
      note(`npm run soak -- --minutes ${options.minutes} --seed ${options.seed}`);
      const outcome = await run(options, note);
      process.stdout.write(options.json ? `${JSON.stringify(outcome)}\n` : outcomeText(outcome));
      return outcome.ok ? 0 : 1;
    }
  }
}

async function lookAgain(kept: KeptHistory, json: boolean): Promise<number> {
  const problems = replay(kept, await loadXxh64());
  const { seed, versions } = kept.head;
  const ok = problems.length === 0;
  const { length } = kept.history.events;
  const text = `seed ${seed}, ${length} events, ${JSON.stringify(versions)}\n${problemsText(problems)}`;
  process.stdout.write(json ? `${JSON.stringify({ ok, seed, versions, problems })}\n` : text);
  return ok ? 0 : 1;
}

/** What was asked for; undefined, and said on stderr, when that makes no sense. */
function understood<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    process.stderr.write(`soak: ${messageOf(error)}\n\n${USAGE}`);
    return undefined;
  }
}

// What was started ends with this process, which a signal alone would not see to.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

const options = understood(() => readOptions(process.argv.slice(2), () => randomInt(2 ** 31 - 1)));
const code = options === undefined ? 2 : await act(options);
// After a mishap, what waits for the server that is gone is waited for by nobody.
process.exit(code);
