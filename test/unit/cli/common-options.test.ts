import { Command } from 'commander';
import { addCommonOptions, commonOptions, type CommonOptions } from '../../../src/cli/common-options.js';

async function parse(words: string[], environment: NodeJS.ProcessEnv = {}): Promise<CommonOptions> {
  let options: CommonOptions | undefined;
  const program = addCommonOptions(new Command().enablePositionalOptions().exitOverride());
  program.configureOutput({ outputError: () => undefined });
  const ls = addCommonOptions(program.command('ls')).action(() => {
    options = commonOptions(ls, environment);
  });
  await program.parseAsync(words, { from: 'user' });
  if (options === undefined) throw new Error('the command did not run');
  return options;
}

describe('the common options', () => {
  it('have defaults', async () => {
    expect(await parse(['ls'])).toEqual({
      servers: ['127.0.0.1'],
      namespace: 'default',
      json: false,
      timeoutMs: 10_000,
    });
  });

  it.each([
    ['before the command', ['--server', 'a:1', '--namespace', 'prod', '--json', '--timeout', '500ms', 'ls']],
    ['after the command', ['ls', '--server', 'a:1', '--namespace', 'prod', '--json', '--timeout', '500ms']],
  ])('are taken %s', async (_, words) => {
    expect(await parse(words)).toEqual({ servers: ['a:1'], namespace: 'prod', json: true, timeoutMs: 500 });
  });

  it('after the command win', async () => {
    expect(await parse(['--server', 'a:1', 'ls', '--server', 'b:1'])).toMatchObject({ servers: ['b:1'] });
  });

  it('name several servers by commas, by repetition, or both', async () => {
    const { servers } = await parse(['ls', '--server', 'a:1, b:1', '--server', 'c:1']);
    expect(servers).toEqual(['a:1', 'b:1', 'c:1']);
  });

  it('are taken from the environment where they are not given', async () => {
    const environment = { ROLLCALL_SERVER: 'a:1,b:1', ROLLCALL_NAMESPACE: 'prod' };
    expect(await parse(['ls'], environment)).toMatchObject({ servers: ['a:1', 'b:1'], namespace: 'prod' });
    expect(await parse(['ls', '--server', 'c:1'], environment)).toMatchObject({ servers: ['c:1'] });
    expect(await parse(['ls'], { ROLLCALL_SERVER: '', ROLLCALL_NAMESPACE: '' })).toMatchObject({
      servers: ['127.0.0.1'],
      namespace: 'default',
    });
  });

  it('are checked', async () => {
    await expect(parse(['ls', '--timeout', 'soon'])).rejects.toThrow(
      'It must be a duration such as 500ms, 10s or 1.5m.',
    );
  });
});
