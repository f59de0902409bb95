/**
 * `npm run bench -- PROGRAM [flags]`: runs one program, which prints one JSON
 * object; without a name, all of them one after another.
 */
import balancer from './balancer.js';
import clientMemory from './client-memory.js';
import fanOut from './fan-out.js';
import firstCall from './first-call.js';
import idleMemory from './idle-memory.js';
import { runProgram } from './measure/program.js';
import register from './register.js';
import renew from './renew.js';
import slowReaders from './slow-readers.js';
import snapshot from './snapshot.js';

const PROGRAMS: Readonly<Record<string, (argv: readonly string[]) => Promise<void>>> = {
  balancer: (argv) => runProgram(balancer, argv),
  'client-memory': (argv) => runProgram(clientMemory, argv),
  'fan-out': (argv) => runProgram(fanOut, argv),
  'first-call': (argv) => runProgram(firstCall, argv),
  'idle-memory': (argv) => runProgram(idleMemory, argv),
  register: (argv) => runProgram(register, argv),
  renew: (argv) => runProgram(renew, argv),
  'slow-readers': (argv) => runProgram(slowReaders, argv),
  snapshot: (argv) => runProgram(snapshot, argv),
};

// What was started ends with this process, which a signal alone would not see to.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const [name, ...flags] = process.argv.slice(2);
if (name === undefined || name.startsWith('-')) {
  for (const run of Object.values(PROGRAMS)) await run(process.argv.slice(2));
} else if (PROGRAMS[name] === undefined) {
  process.stderr.write(`there is no ${name}; the programs are ${Object.keys(PROGRAMS).join(', ')}\n`);
  process.exitCode = 2;
} else {
  await PROGRAMS[name](flags);
}
