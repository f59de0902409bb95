import { setTimeout as sleep } from 'node:timers/promises';
import { machineMs } from './machine-clock.js';
import { OWN_ZONE, type Stage } from './stage.js';

/** How long something took to arrive: from its cause to what came of it. */
export interface Arrival {
  readonly what: string;
  readonly tookMs: number;
}

/** One change. */
export interface Step {
  /** When it begins, of the whole from 0 to 1, unless the step before takes longer. */
  readonly at: number;
  readonly title: string;
  /** @throws Error when what should come of it does not in time */
  run(context: StepContext): Promise<readonly Arrival[]>;
}

export interface StepContext {
  readonly stage: Stage;
  readonly durationMs: number;
  readonly ttlMs: number;
  /** Says something that is worth knowing, and is no arrival. */
  note(text: string): void;
}

/** Far more than a change should take. */
const BOUND_MS = 5_000;
/** What waits for a backoff or for a process to start may take longer. */
const LONG_BOUND_MS = 15_000;

const POLL_MS = 20;

/** Waits for what `read` returns once it is something. */
async function until<T>(what: string, read: () => T | undefined | false, boundMs = BOUND_MS): Promise<T> {
  const startMs = machineMs();
  for (;;) {
    const value = read();
    if (value !== undefined && value !== false) return value;
    if (machineMs() - startMs > boundMs) throw new Error(`waited ${boundMs / 1_000} s in vain: ${what}`);
    await sleep(POLL_MS);
  }
}

async function within<T>(what: string, promise: Promise<T>, boundMs = LONG_BOUND_MS): Promise<T> {
  let done = false;
  void promise.then(
    () => (done = true),
    () => (done = true),
  );
  await until(what, () => done, boundMs);
  return promise;
}

/** A control plane, three greeters in two zones, and a caller that calls them. */
export async function setUp(stage: Stage): Promise<void> {
  await within('the control plane listens', stage.startControlPlane());
  const backends = [stage.startBackend('anna', OWN_ZONE), stage.startBackend('ben', OWN_ZONE)];
  await within('the backends are registered', Promise.all([...backends, stage.startBackend('cleo', 'eu-1b')]));
  stage.startCaller();
  await until('calls are answered', () => stage.ledger.answered > 0, LONG_BOUND_MS);
}

async function join(stage: Stage, name: string): Promise<readonly Arrival[]> {
  const registeredMs = await within(`${name} is registered`, stage.startBackend(name, OWN_ZONE));
  const calledMs = await until(`${name} is called`, () => stage.ledger.firstOn(name, 0));
  // The caller may know of it before the backend itself does.
  return [{ what: `${name} was registered: first call there`, tookMs: Math.max(0, calledMs - registeredMs) }];
}

async function drain({ stage }: StepContext): Promise<readonly Arrival[]> {
  const { toldMs, ended } = stage.drain('ben');
  const endedMs = await within('ben has ended', ended);
  await until('all calls until then are known', () => stage.ledger.untilMs > endedMs);
  const lastMs = stage.ledger.lastOn('ben') ?? toldMs;
  return [
    { what: 'ben was told to end: last call there', tookMs: Math.max(0, lastMs - toldMs) },
    { what: 'ben was told to end: its process ended', tookMs: endedMs - toldMs },
  ];
}

async function kill({ stage, ttlMs }: StepContext): Promise<readonly Arrival[]> {
  const killedMs = stage.kill('anna');
  const spilledMs = await until('calls leave the zone', () => stage.ledger.firstOn('cleo', killedMs));
  const gone = () => stage.view !== undefined && !stage.view.ids.includes('anna') && stage.view.changedMs;
  const goneMs = await until('the lease of anna lapses', gone, ttlMs + BOUND_MS);
  return [
    { what: 'anna was killed: first call in the other zone', tookMs: spilledMs - killedMs },
    { what: `anna was killed: its lease of ${ttlMs / 1_000} s lapsed`, tookMs: goneMs - killedMs },
  ];
}

async function killControlPlane({ stage, durationMs, note }: StepContext): Promise<readonly Arrival[]> {
  const registered = stage.view?.ids.join() ?? '';
  const killedMs = await within('the control plane has ended', stage.killControlPlane());
  const lostMs = await until('the caller notices', () => stage.view?.status === 'resuming' && stage.view.changedMs);
  const answered = stage.ledger.answered;
  await sleep(durationMs / 10);
  await until('calls go on without it', () => stage.ledger.answered > answered);
  note(`  without it, ${stage.ledger.answered - answered} calls were answered, ${stage.ledger.failed.length} failed`);
  const backMs = await within('the control plane listens again', stage.startControlPlane());
  const view = await until('the view is live', () => stage.view?.status === 'live' && stage.view, LONG_BOUND_MS);
  // A lease so short may lapse before its owner is connected again, which then registers anew.
  const allBack = () => stage.view?.ids.join() === registered && stage.view.changedMs;
  await until('all are registered again', allBack, LONG_BOUND_MS);
  return [
    { what: 'the control plane was killed: the caller knew', tookMs: lostMs - killedMs },
    { what: 'it was back: the view of the caller was live', tookMs: view.changedMs - backMs },
  ];
}

/** What happens, in its order. */
const STEPS: readonly Step[] = [
  { at: 0.1, title: 'dora joins, in the zone of the caller', run: ({ stage }) => join(stage, 'dora') },
  { at: 0.25, title: 'ben is told to end (SIGTERM)', run: drain },
  { at: 0.4, title: 'anna is killed (kill -9), which leaves one in the zone', run: kill },
  { at: 0.6, title: 'the control plane is killed (kill -9), and comes back', run: killControlPlane },
  { at: 0.85, title: 'emil joins, at the control plane that came back', run: ({ stage }) => join(stage, 'emil') },
];

/** Runs all steps at their times, says when each begins, and calls `onArrival` with what came of it. */
export async function play(context: StepContext, onArrival: (arrival: Arrival) => void): Promise<void> {
  const startMs = machineMs();
  const reach = async (at: number): Promise<void> => {
    await sleep(Math.max(0, startMs + at * context.durationMs - machineMs()));
  };
  for (const { at, title, run } of STEPS) {
    await reach(at);
    context.note(title);
    for (const arrival of await run(context)) onArrival(arrival);
  }
  await reach(1);
  const end = await within('the caller has ended', context.stage.finishCalls());
  // Had it crashed, its last calls would be counted by nobody.
  if (end !== 'exit code 0') throw new Error(`the caller ended with ${end ?? 'nothing'}`);
}
