// node bench/top-self-time.mjs FILE.cpuprofile… [--top N]: where a process spent its CPU time, as `--cpu-prof` saw it.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { top: { type: 'string', default: '20' } },
});
if (files.length === 0) {
  console.error('usage: node bench/top-self-time.mjs FILE.cpuprofile… [--top N]');
  process.exit(2);
}

for (const file of files) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
  const microsOfNode = new Map();
  samples.forEach((id, index) => microsOfNode.set(id, (microsOfNode.get(id) ?? 0) + timeDeltas[index]));
  const microsOf = new Map();
  for (const { id, callFrame } of nodes) {
    const name = nameOf(callFrame);
    microsOf.set(name, (microsOf.get(name) ?? 0) + (microsOfNode.get(id) ?? 0));
  }
  microsOf.delete('(idle)');
  const busyMicros = [...microsOf.values()].reduce((sum, micros) => sum + micros, 0);
  console.log(`${file}: ${(busyMicros / 1e6).toFixed(2)} s busy`);
  const top = [...microsOf].sort(([, a], [, b]) => b - a).slice(0, Number(values.top));
  for (const [name, micros] of top) console.log(`${((100 * micros) / busyMicros).toFixed(1).padStart(6)} %  ${name}`);
}

/** `writeGeneric node:internal/streams/writable`, `pump src/watch/subscriber.js:86`: the function, and where it is. */
function nameOf({ functionName, url, lineNumber }) {
  const path = url.replace(/^.*\/node_modules\//, '').replace(/^.*\/dist\//, 'dist/');
  const place = path === '' ? '' : ` ${path}:${lineNumber + 1}`;
  return `${functionName === '' ? '(anonymous)' : functionName}${place}`;
}
