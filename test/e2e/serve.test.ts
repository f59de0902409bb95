import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { SETTING_NAMES } from '../../src/server/index.js';
import { printed, runCommand, startCommand } from '../support/command-process.js';
import { RawClient } from '../support/raw-client.js';
import { startServer } from '../support/server-process.js';

jest.setTimeout(60_000);

const addresses = [{ host: '10.0.0.1', port: 80 }];

let directory: string;

beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'rollcall-serve-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const serve = (...args: string[]) =>
  runCommand(['serve', '--listen', '127.0.0.1:0', '--data-dir', join(directory, 'data'), ...args]);

test('one line on stdout says where it listens, every line on stderr is a JSON object, and it ends with 0', async () => {
  const dataDir = join(directory, 'data');
  await using server = startCommand(['serve', '--listen', '127.0.0.1:0', '--data-dir', dataDir]);
  const [, address = ''] = await printed(server, /^rollcall listening on (\S+) \(store: lmdb in .*\)$/m);
  using client = await RawClient.connect(address);
  await client.register({ endpoint: { service: 'a', id: 'a', addresses } });
  server.signal('SIGINT');
  expect(await server.ended).toEqual({ code: 0, signal: null });
  expect(server.stdout()).toBe(`rollcall listening on ${address} (store: lmdb in ${dataDir})\n`);
  const log = server
    .stderr()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(log.map(({ msg }) => msg)).toEqual(['serving', 'shutting down', 'stopped']);
  expect(log[0]).toMatchObject({ address, store: 'lmdb', endpoints: 0 });
  expect(log[1]).toMatchObject({ signal: 'SIGINT', endpoints: 1, revision: 1 });
});

test('what a stopped server held is there when it starts again, under the same history', async () => {
  const dataDir = join(directory, 'data');
  let before;
  {
    await using server = await startServer({ dataDir });
    using client = await RawClient.connect(server.address);
    for (const id of ['a', 'b', 'c']) await client.register({ endpoint: { service: 's', id, addresses } });
    before = await client.listEndpoints({ service: 's' });
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  }
  await using server = await startServer({ dataDir });
  using client = await RawClient.connect(server.address);
  expect(await client.listEndpoints({ service: 's' })).toEqual(before);
});

describe('exit codes', () => {
  test.each([
    ['a value that is wrong', ['--watches-max', 'many'], '--watches-max: must be a whole number, not "many"'],
    ['an option that does not exist', ['--wtaches-max', '1'], "unknown option '--wtaches-max'"],
    ['a file that is not there', ['--config', '/nowhere/rollcall.yaml'], '--config: /nowhere/rollcall.yaml'],
    ['an argument too many', ['here'], 'too many arguments'],
  ])('2 for %s, with a line that names it', async (_what, args, line) => {
    const { code, stdout, stderr } = await serve(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(line);
    expect(existsSync(join(directory, 'data'))).toBe(false);
  });

  test('2 for a variable that is wrong, and for several at once a line each', async () => {
    const file = join(directory, 'rollcall.yaml');
    writeFileSync(file, 'data_dir: x\n');
    const { code, stderr } = await runCommand(['serve', '--config', file], { env: { ROLLCALL_STORE: 'paper' } });
    expect(code).toBe(2);
    expect(stderr.trimEnd().split('\n')).toEqual([
      `rollcall serve: ${file}: data_dir: is not a setting; did you mean data-dir?`,
      'rollcall serve: ROLLCALL_STORE: must be lmdb or memory, not "paper"',
    ]);
  });

  test('3 for a data directory that another server has open, which goes on', async () => {
    await using first = await startServer({ dataDir: join(directory, 'data') });
    const { code, stdout, stderr } = await serve();
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain(join(directory, 'data'));
    expect(stderr).toContain(String(first.pid));
    using client = await RawClient.connect(first.address);
    await client.register({ endpoint: { service: 'a', id: 'a', addresses } });
  });

  test('3 for a data directory that cannot be made', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    const { code, stderr } = await serve('--data-dir', join(file, 'data'));
    expect(code).toBe(3);
    expect(stderr).toContain(file);
  });

  test.each([
    ['cut short', (file: string) => truncateSync(file, 8_192)],
    ['overwritten', (file: string) => writeFileSync(file, Buffer.alloc(65_536, 0xa5))],
    ['emptied', (file: string) => truncateSync(file, 0)],
    ['removed', (file: string) => rmSync(file)],
  ])('3 for a data file that was %s: the file is named and left as it is', async (_how, damage) => {
    const dataDir = join(directory, 'data');
    {
      await using server = await startServer({ dataDir });
      using client = await RawClient.connect(server.address);
      for (let id = 0; id < 50; id++) await client.register({ endpoint: { service: 'a', id: `e${id}`, addresses } });
      await server.stop();
    }
    const file = join(dataDir, 'rollcall.mdb');
    damage(file);
    const damaged = existsSync(file) ? readFileSync(file) : undefined;
    const { code, stdout, stderr } = await serve();
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain(file);
    expect(stderr).toContain('Restore the data directory from a backup');
    expect(existsSync(file) ? readFileSync(file) : undefined).toEqual(damaged);
  });

  test('4 for an address that is in use, and the data directory is free again', async () => {
    await using first = await startServer({ args: ['--store', 'memory'] });
    const { code, stdout, stderr } = await serve('--listen', first.address);
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr).toContain(first.address);
    await using second = await startServer({ dataDir: join(directory, 'data') });
    expect(second.address).not.toBe(first.address);
  });

  test('4 for an address that is not here', async () => {
    const { code, stderr } = await serve('--listen', '192.0.2.1:7400');
    expect(code).toBe(4);
    expect(stderr).toContain('192.0.2.1:7400');
  });
});

test('--print-config prints what would be used, as a file that gives the same again', async () => {
  const file = join(directory, 'rollcall.yaml');
  writeFileSync(file, 'keepalive-time: 90s\nwatches-max: 17\nlog-level: warn\n');
  const odd = 'a: dir # with "everything"';
  const env = { ROLLCALL_WATCHES_MAX: '18', ROLLCALL_CHECKPOINT_INTERVAL: '1500ms' };
  const first = await runCommand(['serve', '--config', file, '--data-dir', odd, '--print-config'], { env });
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout.trimEnd().split('\n')).toHaveLength(SETTING_NAMES.length);
  expect(parse(first.stdout)).toMatchObject({
    'keepalive-time': '90s',
    'watches-max': 18,
    'checkpoint-interval': '1500ms',
    'log-level': 'warn',
    'data-dir': odd,
  });
  const printedFile = join(directory, 'printed.yaml');
  writeFileSync(printedFile, first.stdout);
  const second = await runCommand(['serve', '--config', printedFile, '--print-config']);
  expect(second).toEqual(first);
  expect(existsSync(join(directory, odd))).toBe(false);
});
