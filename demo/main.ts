/** `npm run demo`: see {@link USAGE}. */
import { constants } from 'node:os';
import { liveDisplay, noDisplay, plainDisplay, type Display } from './display.js';
import { machineMs } from './machine-clock.js';
import { readOptions, USAGE, type DemoOptions } from './options.js';
import { outcomeOf, outcomeText } from './outcome.js';
import type { Moment } from './picture.js';
import { Processes } from './processes.js';
import { play, setUp, type Arrival } from './scenario.js';
import { Stage } from './stage.js';

/** A tenth of the time, so that a lease lapses within its step: 1 s to 3 s. */
const ttlOf = (durationMs: number): number => Math.min(3_000, Math.max(1_000, Math.round(durationMs / 10)));

/** How long a backend works on a call; when some shall fail, long enough for several to be there when it is killed. */
const WORK_MS = { ordinary: 20, broken: 300 };

async function demonstrate({ durationMs, callsPerSecond, broken, plain, json }: DemoOptions): Promise<boolean> {
  const ttlMs = ttlOf(durationMs);
  await using processes = new Processes();
  const workMs = broken ? WORK_MS.broken : WORK_MS.ordinary;
  const stage = new Stage(processes, { callsPerSecond, retries: !broken, ttlMs, workMs });

  let startMs: number | undefined;
  const elapsedMs = (): number => (startMs === undefined ? 0 : machineMs() - startMs);
  const moment = (): Moment => ({ stage, elapsedMs: elapsedMs(), durationMs });
  const display = displayFor({ plain, json }, moment);
  const arrivals: Arrival[] = [];
  let problem: string | undefined;
  async function run(): Promise<void> {
    display.note('a control plane, three backends and a caller are started');
    await setUp(stage);
    startMs = machineMs();
    const { note } = display;
    await play({ stage, durationMs, ttlMs, note }, (arrival) => {
      arrivals.push(arrival);
      note(`  ${arrival.what} after ${Math.round(arrival.tookMs)} ms`);
    });
  }
  try {
    await Promise.race([run(), processes.mishap]);
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  display.end();

  const outcome = outcomeOf(stage.ledger, arrivals, problem);
  process.stdout.write(json ? `${JSON.stringify(outcome)}\n` : outcomeText(outcome));
  return outcome.ok;
}

function displayFor({ plain, json }: Pick<DemoOptions, 'plain' | 'json'>, moment: () => Moment): Display {
  if (json) return noDisplay;
  return plain ? plainDisplay(process.stdout, moment) : liveDisplay(process.stdout, moment);
}

// What was started ends with this process, which a signal alone would not see to.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

function options(): DemoOptions | 'help' | undefined {
  try {
    return readOptions(process.argv.slice(2), process.stdout.isTTY);
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return undefined;
  }
}

const given = options();
if (given === undefined) process.exitCode = 2;
else if (given === 'help') process.stdout.write(USAGE);
else process.exitCode = (await demonstrate(given)) ? 0 : 1;
