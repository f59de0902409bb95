import { beginView, receive } from '../../src/client/view/view-state.js';
import { digestOf } from '../support/validators/watch-views.js';
import { decodeToken, encodeToken } from '../../src/core/token.js';
import { Snapshot_Reason as SnapshotReason, type WatchResponse } from '../../src/gen/rollcall/v1/discovery.js';
import type { Command } from './commands.js';
import type { Acts } from './play.js';
import { listAll } from './read-commands.js';
import { SELECTORS, SERVICES } from './shapes.js';
import type { Resume, Watcher } from './watcher.js';
import type { World } from './world.js';

const OTHER_EPOCH = 'feedfacecafebeef';
const CROWD = 20;

/** More than 5 ms for the 16 watchers after which the hub looks at the clock; a power of two, so that sums are exact. */
const CROWD_WRITE_MS = 0.5;

type Watching = 'watch' | 'disconnect' | 'resume' | 'stop-reading' | 'go-on-reading' | 'read-some' | 'crowd';
type ResumeCommand = Extract<Command, { do: 'resume' }>;

/** What watchers do. */
export const watchCommands: Acts<Watching> = {
  watch: (world, { watcher, service, selector }) => {
    chosen(world, watcher)?.disconnect();
    const target = { service: SERVICES[service]!, selector: SELECTORS[selector] };
    if (world.watchers.length <= watcher) world.addWatcher(target).open();
    else world.replaceWatcher(watcher, target).open();
  },

  crowd: (world, { service, selector }) => {
    if (world.watchers.length > 2 * CROWD) return;
    const target = { service: SERVICES[service]!, selector: SELECTORS[selector] };
    for (let count = 0; count < CROWD; count++) world.addWatcher(target, CROWD_WRITE_MS).open();
  },

  disconnect: (world, { watcher }) => chosen(world, watcher)?.disconnect(),
  'stop-reading': (world, { watcher }) => chosen(world, watcher)?.sink?.stop(),
  'go-on-reading': (world, { watcher }) => chosen(world, watcher)?.sink?.goOn(),
  'read-some': (world, { watcher, count }) => chosen(world, watcher)?.sink?.takeSome(count),

  resume: async (world, command) => {
    const watcher = chosen(world, command.watcher);
    if (watcher === undefined) return;
    const resume = await RESUMES[command.with](world, watcher, command);
    watcher.open(resume);
  },
};

function chosen({ watchers }: World, watcher: number): Watcher | undefined {
  return watchers[watcher % Math.max(1, watchers.length)];
}

/** How a client comes back, well-behaved or not. Undefined: as its view says. */
const RESUMES: Record<
  ResumeCommand['with'],
  (world: World, watcher: Watcher, command: ResumeCommand) => Resume | undefined | Promise<Resume | undefined>
> = {
  latest: () => undefined,

  // It kept a view and its token from before, as a file of last known good endpoints does.
  old: (_, { past }, { pick }) => {
    const state = past.at(-1 - (pick % Math.max(1, past.length)));
    return state && { state, ...resumeOf(state) };
  },

  // It mixed up its tokens: this one is of another view, or of the same at another time.
  'other-watcher': (world, watcher, { pick }) => {
    const other = world.watchers[pick % world.watchers.length]?.state;
    const own = watcher.state;
    if (other?.kind !== 'synced') return undefined;
    if (own.kind !== 'synced')
      return { state: beginView(other.resumeToken), resumeToken: other.resumeToken, viewDigest: 1n };
    const { resumeToken, revision } = other;
    return { state: { ...own, resumeToken, revision, assembly: undefined }, resumeToken, viewDigest: own.digest };
  },

  write: (world) => withoutView(world.writeToken(world.newestAnswered)),
  future: (world, _, { pick }) => withoutView(world.writeToken(world.store.revision + 1 + pick)),

  // The store was replaced, and with it all that tokens mean.
  'other-store': (_, { latest }) => {
    if (latest.resumeToken === '') return undefined;
    const token = { ...decodeToken(latest.resumeToken, 'resume_token'), epoch: OTHER_EPOCH };
    return { ...latest, resumeToken: encodeToken(token) };
  },

  // Its view is not what it should be.
  'wrong-digest': (_, { latest }) => ({
    ...latest,
    viewDigest: latest.viewDigest === undefined ? undefined : latest.viewDigest ^ 1n,
  }),

  'without-digest': (_, { latest }) => ({ ...latest, viewDigest: undefined }),

  list: async (world, { service, selector }) => {
    const listing = await listAll(world, { service, selector, minToken: '' });
    if (listing === undefined) return undefined;
    const { resumeToken, endpoints } = listing;
    const digest = digestOf(endpoints, world.xxh64);
    const { revision } = decodeToken(resumeToken, 'resume_token');
    const value = { endpoints, last: true, reason: SnapshotReason.INITIAL };
    const page: WatchResponse = { event: { $case: 'snapshot', value }, resumeToken, digest, revision };
    const { state } = receive(beginView(), page, world.xxh64);
    return { state, resumeToken, viewDigest: digest };
  },
};

function resumeOf(state: Watcher['state']): Pick<Resume, 'resumeToken' | 'viewDigest'> {
  if (state.kind === 'blank') return { resumeToken: '', viewDigest: undefined };
  return { resumeToken: state.resumeToken, viewDigest: state.kind === 'synced' ? state.digest : undefined };
}

function withoutView(resumeToken: string): Resume {
  return { state: beginView(resumeToken), resumeToken, viewDigest: undefined };
}
