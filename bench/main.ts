/**
 * `npm run bench -- NAME [flags]`: runs one scenario beside etcd, or one program
 * of Rollcall alone; without a name, all scenarios one after another.
 */
import balancer from './balancer.js';
import clientMemory from './client-memory.js';
import firstCall from './first-call.js';
import { runProgram } from './measure/program.js';
import burst from './scenarios/burst.js';
import fanoutDense from './scenarios/fanout-dense.js';
import fanoutSpread from './scenarios/fanout-spread.js';
import herd from './scenarios/herd.js';
import idleMemory from './scenarios/idle-memory.js';
import register from './scenarios/register.js';
import renew from './scenarios/renew.js';
import scale from './scenarios/scale.js';
import slow from './scenarios/slow.js';
import { runScenario } from './side-by-side/run-scenario.js';
import snapshot from './snapshot.js';

type RunByFlags = (argv: readonly string[]) => Promise<void>;

const SCENARIOS: Readonly<Record<string, RunByFlags>> = {
  'fanout-spread': (argv) => runScenario(fanoutSpread, argv),
  'fanout-dense': (argv) => runScenario(fanoutDense, argv),
  register: (argv) => runScenario(register, argv),
  renew: (argv) => runScenario(renew, argv),
  'idle-memory': (argv) => runScenario(idleMemory, argv),
  burst: (argv) => runScenario(burst, argv),
  herd: (argv) => runScenario(herd, argv),
  slow: (argv) => runScenario(slow, argv),
  scale: (argv) => runScenario(scale, argv),
};

const PROGRAMS: Readonly<Record<string, RunByFlags>> = {
  balancer: (argv) => runProgram(balancer, argv),
  'client-memory': (argv) => runProgram(clientMemory, argv),
  'first-call': (argv) => runProgram(firstCall, argv),
  snapshot: (argv) => runProgram(snapshot, argv),
};

// What was started ends with this process, which a signal alone would not see to.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const [name, ...flags] = process.argv.slice(2);
const named = SCENARIOS[name ?? ''] ?? PROGRAMS[name ?? ''];
if (name === undefined || name.startsWith('-')) {
  for (const run of Object.values(SCENARIOS)) await run(process.argv.slice(2));
} else if (named === undefined) {
  const names = (of: object) => Object.keys(of).join(', ');
  process.stderr.write(
    `there is no ${name}; the scenarios are ${names(SCENARIOS)}; the programs, ${names(PROGRAMS)}\n`,
  );
  process.exitCode = 2;
} else {
  await named(flags);
}
