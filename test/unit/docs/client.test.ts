import { readFileSync } from 'node:fs';

/** The options of an interface, as its source names them, without those that are for tests. */
function optionsOf(file: string, name: string): string[] {
  const source = readFileSync(file, 'utf8');
  const body = new RegExp(`export interface ${name}\\b[^{]*\\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1];
  if (body === undefined) throw new Error(`${file} has no interface ${name}`);
  const options = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map(([, option]) => option as string);
  return options.filter((option) => option !== 'clock' && option !== 'random');
}

/** What the first columns under a heading of docs/CLIENT.md name. */
function documented(heading: string): string[] {
  const text = readFileSync('docs/CLIENT.md', 'utf8');
  const section = text.split(`\n${heading}\n`)[1]?.split(/\n#+ /)[0];
  if (section === undefined) throw new Error(`docs/CLIENT.md has no heading "${heading}"`);
  const cells = [...section.matchAll(/^\| (`[^|]+`) +\|/gm)].map(([, cell]) => cell as string);
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, option]) => option as string));
}

it.each([
  ['### `new RollcallClient(options)`', 'src/client/client-options.ts', 'RollcallClientOptions', []],
  ['### `client.closeOnSignals(options)`', 'src/client/close-on-signals.ts', 'CloseOnSignalsOptions', []],
  ['### `registerRollcallResolver(client, options)`', 'src/resolver/register.ts', 'ResolverOptions', []],
  ['### Balancing', 'src/balancer/balancer-config.ts', 'BalancerConfigJson', []],
  [
    '### `client.register(endpoint, options)`',
    'src/client/endpoint-init.ts',
    'EndpointInit',
    ['ttlMs', 'timeoutMs', 'signal'],
  ],
])('docs/CLIENT.md has each option of %s', (heading, file, name, more) => {
  expect(documented(heading).sort()).toEqual([...optionsOf(file, name), ...more].sort());
});
