import { readFileSync } from 'node:fs';

/** Of `getconf CLK_TCK`, which is 100 on every Linux that Node runs on. */
const TICK_MICROS = 10_000;

/** CPU time that processes have used since they began, user and system, in microseconds. To 10 ms. */
export function cpuMicros(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ticks(pid, [UTIME, STIME]) * TICK_MICROS, 0);
}

/** The same of this process and of all children of its that have ended. */
export function ownCpuMicros(): number {
  return ticks(process.pid, [UTIME, STIME, CUTIME, CSTIME]) * TICK_MICROS;
}

/** CPU time that everything on this machine has used in user code and in the kernel, in microseconds. */
export function machineCpuMicros(): number {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0] = line.split(/\s+/).slice(1).map(Number);
  return (user + nice + system) * TICK_MICROS;
}

/** Memory of processes that is in RAM now, and the most that ever was, in KiB. */
export function memoryKiB(pids: readonly number[]): { readonly rss: number; readonly rssPeak: number } {
  let rss = 0;
  let rssPeak = 0;
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    rss += Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
    rssPeak += Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
  }
  return { rss, rssPeak };
}

/** Indices of fields of /proc/PID/stat, counted from the one after the command's name. */
const UTIME = 11;
const STIME = 12;
const CUTIME = 13;
const CSTIME = 14;

function ticks(pid: number, fields: readonly number[]): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name is in parentheses and may hold anything, parentheses too.
  const values = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.reduce((sum, field) => sum + Number(values[field]), 0);
}
