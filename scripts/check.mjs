// `npm run check`: everything that must hold, one npm script after another, with a summary.
//   npm run check -- lint knip        these alone
//   npm run check -- --except test    all but these
import { spawnSync } from 'node:child_process';

const steps = [
  'format:check',
  'typecheck',
  'lint',
  'lint:rooms',
  'lint:proto',
  'gen:check',
  'proto:breaking',
  'knip',
  'compose:check',
  'package:check',
  'test',
];

// These say while they run how they are doing; of the others, the last line says it all.
const talks = ['test'];

const [first, ...rest] = process.argv.slice(2);
const named = first === '--except' ? rest : process.argv.slice(2);
const unknown = named.filter((name) => !steps.includes(name));
if (unknown.length > 0) {
  console.error(`no such step: ${unknown.join(', ')}; the steps are ${steps.join(', ')}`);
  process.exit(2);
}
const chosen = steps.filter((step) => named.length === 0 || named.includes(step) !== (first === '--except'));

const failed = [];
for (const step of chosen) {
  console.log(`▶ ${step}`);
  const startMs = performance.now();
  const stdio = talks.includes(step) ? 'inherit' : 'pipe';
  const run = spawnSync('npm', ['run', '--silent', step], { stdio, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const took = `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
  const output = [run.stdout, run.stderr].join('').trim();
  if (run.status === 0) {
    console.log(`✔ ${step} (${took})${output === '' ? '' : `: ${output.split('\n').at(-1)}`}`);
  } else {
    failed.push(step);
    if (output !== '') console.log(output);
    console.log(`✘ ${step} (${took})${run.error === undefined ? '' : `: ${run.error.message}`}`);
  }
}

console.log(`\ncheck: ${chosen.length - failed.length} of ${chosen.length} steps hold`);
for (const step of failed) console.log(`  ✘ npm run ${step}`);
process.exit(failed.length === 0 && chosen.length > 0 ? 0 : 1);
