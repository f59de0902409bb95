// Calls rollcall:///greeter at a steady rate, whatever comes of the calls, and tells what did.
import { credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { RollcallClient } from 'rollcall';
import { registerRollcallResolver, ROLLCALL_CHANNEL_OPTIONS } from 'rollcall/resolver';
import { GreeterClient } from '../examples/gen/greeter.js';
import { machineMs } from './machine-clock.js';
import type { AnsweredCall, CallerMessage, CallerSettings, FailedCall } from './messages.js';

/** What takes longer has failed. */
const DEADLINE_MS = 2_000;

const TICK_MS = 5;
const REPORT_MS = 100;

const { callsPerSecond, retries } = JSON.parse(process.argv[2] ?? '{}') as CallerSettings;

const rollcall = new RollcallClient();
registerRollcallResolver(rollcall, { retries });
const greeter = new GreeterClient('rollcall:///greeter', credentials.createInsecure(), ROLLCALL_CHANNEL_OPTIONS);

const tell = (message: CallerMessage): void => void process.send?.(message);

let answered: AnsweredCall[] = [];
let failed: FailedCall[] = [];
let underWay = 0;

function call(): void {
  const madeMs = machineMs();
  underWay++;
  const made = greeter.greet(
    { name: 'world' },
    new Metadata(),
    { deadline: Date.now() + DEADLINE_MS },
    (error, answer) => {
      if (error !== null) return ended(() => failed.push({ failedMs: machineMs(), message: textOf(error) }));
      const tookMs = machineMs() - madeMs;
      // The trailers come with the status, right after the answer.
      made.once('status', ({ metadata }) => {
        const [arrivedMs, again] = [Number(metadata.get('arrived-ms')[0]), Number(metadata.get('retries')[0])];
        ended(() => answered.push({ backend: answer.from, arrivedMs, tookMs, retries: again }));
      });
    },
  );
}

function ended(record: () => void): void {
  underWay--;
  record();
}

function textOf({ code, details }: ServiceError): string {
  return `${status[code]}: ${details}`;
}

function report(): void {
  tell({ type: 'calls', answered, failed, untilMs: machineMs() });
  [answered, failed] = [[], []];
}

const view = rollcall.watch('greeter');

async function tellView(): Promise<void> {
  for await (const _ of view.changes()) {
    const reading = view.current();
    const ids = reading.status === 'unknown' ? [] : reading.endpoints.map(({ id }) => id);
    tell({ type: 'view', changedMs: machineMs(), status: reading.status, ids });
  }
}

const telling = tellView();
await view.ready;

const startMs = machineMs();
let made = 0;
const calling = setInterval(() => {
  const due = Math.floor(((machineMs() - startMs) * callsPerSecond) / 1_000);
  // What this process was too late for by more than a tenth of a second is not made up for.
  made = Math.max(made, due - Math.ceil(callsPerSecond / 10));
  for (; made < due; made++) call();
}, TICK_MS);

const reporting = setInterval(() => {
  report();
  if (stopping && underWay === 0) void end();
}, REPORT_MS);

let stopping = false;
process.once('message', () => {
  stopping = true;
  clearInterval(calling);
});
process.channel?.unref();

/** With everything closed, the process ends by itself. */
async function end(): Promise<void> {
  clearInterval(reporting);
  report();
  greeter.close();
  await rollcall.close();
  await telling;
}
