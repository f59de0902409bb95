import type { Subject } from '../subject/subject.js';
import { cpuMicros } from './process-usage.js';

/** CPU time of a subject and of this driver, from now until the returned function is called, in microseconds. */
export function cpuSince(subject: Subject): () => { readonly serverMicros: number; readonly driverMicros: number } {
  const serverBefore = cpuMicros(subject.pids);
  const driverBefore = cpuMicros([process.pid]);
  return () => ({
    serverMicros: cpuMicros(subject.pids) - serverBefore,
    driverMicros: cpuMicros([process.pid]) - driverBefore,
  });
}
