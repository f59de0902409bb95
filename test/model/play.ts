import type { Xxh64 } from '../../src/core/hash.js';
import type { History } from '../support/validators/history.js';
import { validateAll } from '../support/validators/index.js';
import type { Command, Step } from './commands.js';
import type { Engine } from './engines.js';
import { CHECKPOINT_INTERVAL_MS } from '../support/server-parts.js';
import { readCommands } from './read-commands.js';
import { serverCommands } from './server-commands.js';
import { watchCommands } from './watch-commands.js';
import { World, type Bounds } from './world.js';
import { writeCommands } from './write-commands.js';

/** How a command is carried out. What it only sets off need not have happened when it returns. */
type Act<C extends Command> = (world: World, command: C) => void | Promise<void>;
export type Acts<Kind extends Command['do']> = { readonly [K in Kind]: Act<Extract<Command, { do: K }>> };

const ACTS: Acts<Command['do']> = { ...writeCommands, ...serverCommands, ...watchCommands, ...readCommands };

function act(world: World, command: Command): void | Promise<void> {
  return (ACTS[command.do] as Act<Command>)(world, command);
}

export interface Run {
  readonly bounds: Bounds;
  readonly steps: readonly Step[];
}

export interface PlayOptions {
  readonly xxh64: Xxh64;
  /** Validates after every step, and not only at the end: the first step after which something is wrong is then known. */
  readonly validateEachStep?: boolean;
}

/** A run that did not go as guaranteed. */
class BrokenGuarantee extends Error {
  readonly history: History;

  constructor(problems: readonly string[], when: string, history: History) {
    super(`${when}:\n${problems.join('\n')}`);
    this.name = 'BrokenGuarantee';
    this.history = history;
  }
}

/**
 * Plays a run to its end, heals everything, and validates what was recorded.
 *
 * @throws BrokenGuarantee
 */
export async function play(
  engine: Engine,
  { bounds, steps }: Run,
  { xxh64, validateEachStep = false }: PlayOptions,
): Promise<History> {
  const world = new World(engine, bounds, xxh64);
  const { events } = world.recorder;
  const validate = (when: string): void => {
    const problems = validateAll({ events }, xxh64);
    if (problems.length > 0) throw new BrokenGuarantee(problems, when, { events });
  };
  await world.start();
  try {
    for (const [index, { command, turns }] of steps.entries()) {
      await act(world, command);
      if (turns === 'all') await world.rest();
      else await world.turn(turns);
      if (validateEachStep) validate(`after step ${index}, ${JSON.stringify(command)}`);
    }
    await heal(world);
    validate('at the end');
  } finally {
    await world.close();
  }
  return { events };
}

/** The last fault heals: disks take writes, clients read and come back, and time passes until checkpoints have gone out. */
async function heal(world: World): Promise<void> {
  world.mendDisk();
  await world.rest();
  for (const watcher of world.watchers) {
    watcher.sink?.goOn();
    if (watcher.sink === undefined) watcher.open();
  }
  await world.rest();
  await world.advance(CHECKPOINT_INTERVAL_MS + 300);
  await world.rest();
  await world.advance(10_000);
  await world.rest();
}
