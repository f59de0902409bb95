import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultProxy } from '../test/support/fault-proxy.js';
import type { SmallDisk } from '../test/support/small-disk.js';
import type { LineFault, ServerFault, Storm } from './plan.js';
import type { Recording } from './recording.js';
import type { TappedServer } from './tapped-server.js';

export interface Stage {
  readonly server: TappedServer;
  readonly lines: readonly FaultProxy[];
  readonly recording: Recording;
  /** Undefined where none could be had. */
  readonly disk: SmallDisk | undefined;
  /** Told of each fault as it happens. */
  readonly onFault: (kind: string) => void;
}

/** What is left of a disk that is full: less than a server wants, and enough to be read. */
const FULL_BYTES = 64 * 1024;

/** Has a storm happen, and all be well when this resolves. */
export async function rage(stage: Stage, { durationMs, lines, server }: Storm): Promise<void> {
  const startMs = performance.now();
  const until = (atMs: number): Promise<void> => sleep(Math.max(0, startMs + atMs - performance.now()));
  const onLine = async (line: number): Promise<void> => {
    for (const { atMs, forMs, fault } of lines.filter((each) => each.line === line)) {
      await until(atMs);
      stage.onFault(fault.kind);
      breakLine(stage.lines[line]!, fault);
      await until(Math.max(atMs + forMs, performance.now() - startMs));
      stage.lines[line]!.restore();
    }
  };
  const onServer = async (): Promise<void> => {
    for (const { atMs, fault } of server) {
      await until(atMs);
      stage.onFault(fault.kind);
      await breakServer(stage, fault);
    }
  };
  await Promise.all([until(durationMs), onServer(), ...stage.lines.map((_, line) => onLine(line))]);
  for (const line of stage.lines) line.restore();
}

function breakLine(line: FaultProxy, fault: LineFault): void {
  switch (fault.kind) {
    case 'delay':
      return line.delay(fault.latencyMs);
    case 'throttle':
      return line.throttle(fault.bytesPerSecond);
    case 'silence':
      return line.silence(fault.direction);
    case 'cut':
      return line.cut();
    case 'sever':
      return line.sever();
    case 'halfOpen':
      return line.halfOpen(fault.closed);
    case 'corrupt':
      // Not what clients ask for: a request that was damaged and still makes sense is a right answer to the wrong question.
      return line.corrupt({ seed: fault.seed, bytes: fault.bytes }, 'toClient');
  }
}

async function breakServer({ server, recording, disk }: Stage, fault: ServerFault): Promise<void> {
  switch (fault.kind) {
    case 'kill':
    case 'terminate':
      await server.stop(fault.kind === 'kill' ? 'SIGKILL' : 'SIGTERM');
      await sleep(fault.downMs);
      return server.start(fault.historyCountMax);
    case 'stop':
      server.signal('SIGSTOP');
      await sleep(fault.forMs);
      return server.signal('SIGCONT');
    case 'fill':
      recording.record({ type: 'disk', works: false });
      if (disk !== undefined) fill(disk);
      await sleep(fault.forMs);
      disk?.clear();
      return recording.record({ type: 'disk', works: true });
  }
}

function fill(disk: SmallDisk): void {
  try {
    disk.leave(FULL_BYTES);
  } catch (error) {
    // The server took the last of it meanwhile, and full is full.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}
