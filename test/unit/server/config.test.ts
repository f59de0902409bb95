import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { isRollcallError } from '../../../src/core/errors.js';
import {
  environmentVariable,
  readConfig,
  SETTING_NAMES,
  SETTINGS,
  type ConfigSources,
} from '../../../src/server/index.js';

let directory: string;

beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'rollcall-config-'))));
afterAll(() => rmSync(directory, { recursive: true }));

function fileWith(content: string): string {
  const file = join(directory, 'rollcall.yaml');
  writeFileSync(file, content);
  return file;
}

const read = (sources: Partial<ConfigSources>) =>
  readConfig({ flags: {}, environment: {}, file: undefined, ...sources });

/** What was refused: where, and why. */
function refusals(sources: Partial<ConfigSources>): readonly (readonly [string, string])[] {
  try {
    read(sources);
  } catch (error) {
    if (!isRollcallError(error, 'INVALID_FIELD')) throw error;
    return error.violations.map(({ field, description }) => [field, description]);
  }
  throw new Error('nothing was refused');
}

test('without any source, every setting has its default, with durations in milliseconds', () => {
  expect(read({})).toEqual({
    listen: '127.0.0.1:7400',
    store: 'lmdb',
    'data-dir': './data',
    'history-count-max': 100_000,
    'history-age-max': 3_600_000,
    'history-memory-max': 64,
    'endpoints-max': 1_000_000,
    'endpoints-per-service-max': 100_000,
    'watches-max': 50_000,
    'watches-per-connection-max': 1_000,
    'streams-per-connection-max': 4_096,
    'checkpoint-interval': 10_000,
    'keepalive-time': 20_000,
    'keepalive-timeout': 10_000,
    'reconnect-delay-max': 1_000,
    'shutdown-grace': 8_000,
    'log-level': 'info',
  });
});

test('a flag wins over the environment, the environment over the file, the file over the default', () => {
  const file = fileWith('watches-max: 1\nwatches-per-connection-max: 1\nendpoints-max: 1\n');
  const environment = { ROLLCALL_WATCHES_MAX: '2', ROLLCALL_WATCHES_PER_CONNECTION_MAX: '2' };
  const flags = { 'watches-max': '3' };
  expect(read({ flags, environment, file })).toMatchObject({
    'watches-max': 3,
    'watches-per-connection-max': 2,
    'endpoints-max': 1,
    'endpoints-per-service-max': 100_000,
  });
});

test.each(SETTING_NAMES)('%s can be given in each of the three ways', (name) => {
  const { schema, default: value } = SETTINGS[name];
  const text = String(value);
  const expected = schema.parse(value);
  expect(read({ flags: { [name]: text } })[name]).toEqual(expected);
  expect(read({ environment: { [environmentVariable(name)]: text } })[name]).toEqual(expected);
  expect(read({ file: fileWith(stringify({ [name]: value })) })[name]).toEqual(expected);
});

test('an error names the flag, variable or key to mend', () => {
  const file = fileWith('keepalive-time: 5\n');
  const sources = { flags: { 'watches-max': '0' }, environment: { ROLLCALL_STORE: 'paper' }, file };
  expect(refusals(sources)).toEqual([
    ['ROLLCALL_STORE', 'must be lmdb or memory, not "paper"'],
    ['--watches-max', 'must be at least 1, not "0"'],
    [`${file}: keepalive-time`, 'must be a duration such as 500ms, 10s, 5m or 1h, from 1s to 1h, not 5'],
  ]);
});

test.each([
  ['listen', '7400', 'must be HOST:PORT, not "7400"'],
  ['listen', '', 'must be HOST:PORT, not ""'],
  ['listen', '127.0.0.1:65536', 'the port must be at most 65535, not "127.0.0.1:65536"'],
  ['data-dir', '', 'must not be empty, not ""'],
  ['watches-max', 'many', 'must be a whole number, not "many"'],
  ['watches-max', '1.5', 'must be a whole number, not "1.5"'],
  ['watches-max', '-1', 'must be a whole number, not "-1"'],
  ['watches-max', '1000001', 'must be at most 1000000, not "1000001"'],
  ['log-level', 'loud', 'must be fatal, error, warn, info, debug, trace or silent, not "loud"'],
  ['keepalive-time', '999ms', 'must be a duration such as 500ms, 10s, 5m or 1h, from 1s to 1h, not "999ms"'],
  ['shutdown-grace', '-1s', 'must be a duration such as 500ms, 10s, 5m or 1h, from 0ms to 1m, not "-1s"'],
])('%s is not %j', (name, value, description) => {
  expect(refusals({ flags: { [name]: value } })).toEqual([[`--${name}`, description]]);
});

test.each([
  ['listen', '[::1]:0'],
  ['listen', 'rollcall.example:65535'],
  ['watches-max', '1'],
  ['shutdown-grace', '0ms'],
  ['history-age-max', '1.5h'],
])('%s may be %s', (name, value) => {
  expect(() => read({ flags: { [name]: value } })).not.toThrow();
});

test.each([
  ['data_dir', 'did you mean data-dir?'],
  ['dataDir', 'did you mean data-dir?'],
  ['listn', 'did you mean listen?'],
  ['watch-max', 'did you mean watches-max?'],
  ['colour', 'see rollcall serve --help'],
])('a key of the file that is no setting is refused: %s', (key, hint) => {
  const file = fileWith(`${key}: x\n`);
  expect(refusals({ file })).toEqual([[`${file}: ${key}`, `is not a setting; ${hint}`]]);
});

test('a file that says nothing changes nothing', () => {
  expect(read({ file: fileWith('# nothing\n') })).toEqual(read({}));
});

test.each([
  ['that is a list', '- listen\n'],
  ['that is one word', 'listen\n'],
  ['that is not YAML', 'listen: [\n'],
])('a file %s is refused', (_what, content) => {
  const [[field, description] = ['', '']] = refusals({ file: fileWith(content) });
  expect(field).toBe('--config');
  expect(description).toContain(directory);
});

test('a file that is not there is refused', () => {
  const file = join(directory, 'nowhere.yaml');
  const [[field, description] = ['', '']] = refusals({ file });
  expect(field).toBe('--config');
  expect(description).toContain(file);
});
