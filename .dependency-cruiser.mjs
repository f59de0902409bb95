// The rooms of src/ and what each may import of ours (docs/ARCHITECTURE.md says why).
// A room may always import itself. Tests and bench may import anything and are not looked at.

const contract = 'store/contract\\.ts';
const engine = [contract, 'store/embedded/', 'core/', 'lib/'];

/** Each row: the files that it is about, and what they may import besides themselves. */
const rooms = {
  'gen/': [],
  'core/': ['gen/'],
  'lib/': [],
  [contract]: ['core/', 'lib/'],
  'store/embedded/': [contract, 'core/', 'lib/'],
  // An engine never imports a sibling.
  'store/memory/': engine,
  'store/lmdb/': engine,
  'store/etcd/': engine,
  'directory/': ['core/', 'lib/', 'gen/', contract],
  'catalog/': ['core/', 'lib/', 'gen/', 'directory/', contract],
  'watch/': ['core/', 'lib/', 'gen/', 'directory/'],
  'rpc/': ['core/', 'lib/', 'gen/', 'catalog/', 'watch/', 'directory/'],
  // The composition root, and so the one room that constructs engines.
  'server/': ['core/', 'lib/', 'gen/', 'store/', 'catalog/', 'watch/', 'directory/', 'rpc/'],
  'client/': ['core/', 'lib/', 'gen/'],
  // The balancer is what the resolver chooses by default.
  'resolver/': ['core/', 'lib/', 'gen/', 'client/', 'balancer/'],
  'balancer/': ['core/', 'lib/'],
  'rx/': ['client/'],
  'cli/': ['core/', 'lib/', 'gen/', 'client/'],
  // `rollcall serve` alone runs a server.
  'cli/serve\\.ts': ['server/'],
  'testing/': [contract, 'core/', 'lib/'],
};

/** The files of one room, less those which have a row of their own inside it. */
const files = (room) => ({
  path: `^src/${room}`,
  pathNot: Object.keys(rooms)
    .filter((other) => other !== room && other.startsWith(room))
    .map((other) => `^src/${other}`),
});

/** The room above a row, whose rights it has too: that of `cli/serve.ts` is `cli/`. */
const above = (row) => Object.keys(rooms).find((room) => room !== row && row.startsWith(room));

const mayImport = (row) => [row, ...rooms[row], ...(above(row) === undefined ? [] : mayImport(above(row)))];

const roomRules = Object.keys(rooms).map((row) => ({
  name: `room: ${row.replaceAll('\\', '')}`,
  comment: `may import ${mayImport(row).join(', ').replaceAll('\\', '')} and nothing else of ours`,
  severity: 'error',
  from: files(row),
  to: { path: '^(src|test|bench|demo|examples|soak|dist)/', pathNot: mayImport(row).map((to) => `^src/${to}`) },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...roomRules,
    {
      name: 'every file is in a room',
      comment: 'a new room wants a row in .dependency-cruiser.mjs and a line in docs/ARCHITECTURE.md',
      severity: 'error',
      from: { path: '^src/', pathNot: Object.keys(rooms).map((room) => `^src/${room}`) },
      to: {},
    },
    { name: 'no cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'core does no I/O',
      severity: 'error',
      from: { path: '^src/core/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(buffer|crypto|net)$' },
    },
    {
      name: 'what is shipped needs no development dependency',
      severity: 'error',
      from: { path: '^src/' },
      // A peer that is optional is installed here as a development dependency, too.
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    },
    { name: 'imports resolve', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: ['node_modules', '^src/gen/google'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
