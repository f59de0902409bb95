import type { Connection, Subject } from './subject.js';

export function connectMany(subject: Subject, count: number): Promise<Connection[]> {
  return Promise.all(Array.from({ length: count }, () => subject.connect()));
}
