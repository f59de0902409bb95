/** What a network does to one line between clients and the server. */
export type LineFault =
  | { readonly kind: 'delay'; readonly latencyMs: number }
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  | { readonly kind: 'silence'; readonly direction?: 'toServer' | 'toClient' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'sever' }
  | { readonly kind: 'halfOpen'; readonly closed: 'client' | 'server' }
  | { readonly kind: 'corrupt'; readonly seed: number; readonly bytes: number };

/** What happens to the server. */
export type ServerFault =
  /** `kill -9`, and started again after so long. */
  | { readonly kind: 'kill'; readonly downMs: number; readonly historyCountMax: number }
  /** SIGTERM, and started again after so long. */
  | { readonly kind: 'terminate'; readonly downMs: number; readonly historyCountMax: number }
  /** SIGSTOP, and SIGCONT after so long. */
  | { readonly kind: 'stop'; readonly forMs: number }
  /** The disk has no room for so long. */
  | { readonly kind: 'fill'; readonly forMs: number };

export interface PlannedLineFault {
  readonly atMs: number;
  /** After which the line is as it should be. */
  readonly forMs: number;
  readonly line: number;
  readonly fault: LineFault;
}

export interface PlannedServerFault {
  readonly atMs: number;
  readonly fault: ServerFault;
}

/** A time of faults, after which all is well for a while. */
export interface Storm {
  readonly durationMs: number;
  readonly lines: readonly PlannedLineFault[];
  readonly server: readonly PlannedServerFault[];
}

/** So few that tokens of a few seconds ago are too old, or enough for all of a storm. */
export const HISTORY_COUNTS = [100, 10_000] as const;

export interface PlanOptions {
  readonly pick: (below: number) => number;
  readonly durationMs: number;
  readonly lines: number;
  /** The line whose bytes may be damaged. */
  readonly dirtyLine: number;
  readonly canFillDisk: boolean;
}

/** Makes up a storm: each line, and the server, has one fault after the other. */
export function planStorm({ pick, durationMs, lines, dirtyLine, canFillDisk }: PlanOptions): Storm {
  const between = (min: number, max: number): number => min + pick(max - min + 1);
  const lineFaults: PlannedLineFault[] = [];
  for (let line = 0; line < lines; line++) {
    for (let atMs = between(300, 3_000); atMs < durationMs; atMs += between(500, 4_000)) {
      const fault = lineFault(pick, between, line === dirtyLine);
      const forMs = Math.min(between(200, 4_000), durationMs - atMs);
      lineFaults.push({ atMs, forMs, line, fault });
      atMs += forMs;
    }
  }
  const serverFaults: PlannedServerFault[] = [];
  for (let atMs = between(500, 2_500); atMs < durationMs; atMs += between(1_500, 5_000)) {
    const fault = serverFault(pick, between, canFillDisk);
    const tookMs = 'forMs' in fault ? fault.forMs : fault.downMs + START_MS;
    if (atMs + tookMs > durationMs) break;
    serverFaults.push({ atMs, fault });
    atMs += tookMs;
  }
  return { durationMs, lines: lineFaults, server: serverFaults };
}

/** About what a server takes to come up, or to end in good order. */
const START_MS = 1_000;

type Between = (min: number, max: number) => number;

function lineFault(pick: (below: number) => number, between: Between, isDirty: boolean): LineFault {
  if (isDirty && pick(2) === 0) return { kind: 'corrupt', seed: pick(2 ** 31), bytes: between(1, 20) };
  switch (pick(9)) {
    case 0:
    case 1:
      return { kind: 'delay', latencyMs: between(5, 400) };
    case 2:
      return { kind: 'throttle', bytesPerSecond: between(4_000, 100_000) };
    case 3:
      return { kind: 'silence' };
    case 4:
      return { kind: 'silence', direction: 'toServer' };
    case 5:
      return { kind: 'silence', direction: 'toClient' };
    case 6:
      return { kind: 'cut' };
    case 7:
      return { kind: 'halfOpen', closed: pick(2) === 0 ? 'client' : 'server' };
    default:
      return { kind: 'sever' };
  }
}

function serverFault(pick: (below: number) => number, between: Between, canFillDisk: boolean): ServerFault {
  const historyCountMax = HISTORY_COUNTS[pick(HISTORY_COUNTS.length)] ?? HISTORY_COUNTS[0];
  switch (pick(canFillDisk ? 6 : 5)) {
    case 0:
    case 1:
      return { kind: 'kill', downMs: between(0, 1_500), historyCountMax };
    case 2:
      return { kind: 'terminate', downMs: between(0, 800), historyCountMax };
    case 3:
      return { kind: 'stop', forMs: between(100, 900) };
    case 4:
      return { kind: 'stop', forMs: between(900, 4_000) };
    default:
      return { kind: 'fill', forMs: between(500, 2_500) };
  }
}
