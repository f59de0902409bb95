// Sources run through swc to CommonJS, so that no experimental flag of Node is needed.
// One project a folder of test/: `npm run test:unit` is `jest --selectProjects unit`.

// Packages published as ES modules alone: swc turns these to CommonJS too.
const esmOnly = ['jose', 'tinybench'];

const swc = [
  '@swc/jest',
  {
    swcrc: false,
    sourceMaps: 'inline',
    jsc: { target: 'es2023', parser: { syntax: 'typescript' }, keepClassNames: true },
    module: { type: 'commonjs' },
  },
];

const project = (displayName, more = {}) => ({
  displayName,
  rootDir: import.meta.dirname,
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: [`<rootDir>/test/${displayName}/**/*.test.ts`],
  testEnvironment: 'node',
  transform: { '\\.[cm]?[jt]s$': swc },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  ...more,
});

/** @type {import('jest').Config} */
export default {
  // Two cores: a worker on each. More only makes the real-time tests (e2e) fight for the clock.
  maxWorkers: 2,
  testSequencer: '<rootDir>/test/support/long-first.mjs',
  // This ends a test that hangs; it measures nothing, so a slow machine must be far from it.
  testTimeout: 30_000,
  projects: [
    project('unit'),
    project('conformance'),
    project('model'),
    project('integration'),
    // Real processes run what is published: the build, which globalSetup brings up to date.
    project('e2e', { globalSetup: '<rootDir>/test/support/build.ts' }),
    project('faults', { globalSetup: '<rootDir>/test/support/build.ts' }),
  ],
};
