/** `npm run soak`: see {@link USAGE}. */
import { randomInt } from 'node:crypto';
import { constants } from 'node:os';
import { loadXxh64 } from '../src/core/hash.js';
import { validateAll } from '../test/support/validators/index.js';
import { readHistory } from './history-file.js';
import { readOptions, USAGE, type SoakOptions } from './options.js';
import { outcomeText, problemsText } from './outcome.js';
import { run } from './run.js';

async function replay(file: string, json: boolean): Promise<boolean> {
  const { head, history } = readHistory(file);
  const problems = [...head.observed, ...validateAll(history, await loadXxh64())];
  const { seed, versions } = head;
  const ok = problems.length === 0;
  const text = `seed ${seed}, ${history.events.length} events, ${JSON.stringify(versions)}\n${problemsText(problems)}`;
  process.stdout.write(json ? `${JSON.stringify({ ok, seed, versions, problems })}\n` : text);
  return ok;
}

async function act(options: SoakOptions): Promise<boolean> {
  switch (options.do) {
    case 'help':
      process.stdout.write(USAGE);
      return true;
    case 'replay':
      return replay(options.file, options.json);
    case 'run': {
      const note = (text: string): void => void (options.json || process.stdout.write(`${text}\n`));
      note(`npm run soak -- --minutes ${options.minutes} --seed ${options.seed}`);
      const outcome = await run(options, note);
      process.stdout.write(options.json ? `${JSON.stringify(outcome)}\n` : outcomeText(outcome));
      return outcome.ok;
    }
  }
}

function given(): SoakOptions | undefined {
  try {
    return readOptions(process.argv.slice(2), () => randomInt(2 ** 31 - 1));
  } catch (error) {
    process.stderr.write(`soak: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return undefined;
  }
}

// What was started ends with this process, which a signal alone would not see to.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

const options = given();
if (options === undefined) process.exitCode = 2;
else process.exitCode = (await act(options)) ? 0 : 1;
