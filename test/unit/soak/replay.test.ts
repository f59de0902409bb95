import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readHistory, writeHistory, type HistoryHead } from '../../../soak/history-file.js';
import { replay } from '../../../soak/replay.js';
import { loadXxh64, type Xxh64 } from '../../../src/core/hash.js';
import { Health } from '../../../src/gen/rollcall/v1/endpoint.js';
import { Scenario } from '../../support/validators/scenario.js';

const HEAD: HistoryHead = { seed: 7, minutes: 1, versions: { node: 'v20' }, observed: [] };

let xxh64: Xxh64;
let directory: string;
let file: string;
beforeAll(async () => {
  xxh64 = await loadXxh64();
  directory = mkdtempSync(join(tmpdir(), 'rollcall-test-'));
  file = join(directory, 'history.jsonl');
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A watcher that is told of two endpoints, of which one is changed and one lapses. */
function scenario(deltaFault: { upserted?: [] } = {}): Scenario {
  const s = new Scenario(xxh64);
  s.register('a', 1);
  s.watch(1);
  s.snapshot(1);
  s.register('b', 2);
  s.delta(1);
  s.update('a', 1, { health: Health.DRAINING });
  s.delta(1, deltaFault);
  s.renew(1);
  return s;
}

it('a history is the same when it was written and read', () => {
  const { events } = scenario();
  writeHistory(file, HEAD, { events });
  const read = readHistory(file);
  expect(read.head).toEqual(HEAD);
  // As `toEqual` has it, a property that is undefined is one that is not there.
  expect(read.history.events).toEqual(events);
});

it('finds nothing wrong with a history in which all is right', () => {
  writeHistory(file, HEAD, scenario());
  expect(replay(readHistory(file), xxh64)).toEqual([]);
});

it('rejects a history with a delta that lacks a change', () => {
  writeHistory(file, HEAD, scenario({ upserted: [] }));
  expect(replay(readHistory(file), xxh64)).toContainEqual(expect.stringMatching(/^W5: .*delta at revision 3/));
});

it('rejects a history of which one event was changed by hand', () => {
  writeHistory(file, HEAD, scenario());
  const lines = readFileSync(file, 'utf8').split('\n');
  const last = lines.findLastIndex((line) => line.includes('"$case":"delta"'));
  lines[last] = lines[last]!.replace(/"\$int":"\d+"/, '"$int":"1"');
  writeFileSync(file, lines.join('\n'));
  expect(replay(readHistory(file), xxh64)).toEqual([expect.stringMatching(/^W10: .* has digest 1 instead of /)]);
});

it('tells again what was seen beside the events', () => {
  writeHistory(file, { ...HEAD, observed: ['log: a defect'] }, scenario());
  expect(replay(readHistory(file), xxh64)).toEqual(['log: a defect']);
});

it('refuses a file that is no history', () => {
  writeFileSync(file, '{"seed": 1}\n');
  expect(() => readHistory(file)).toThrow('is no history');
});
