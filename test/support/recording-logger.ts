import type { ClientLogger } from '../../src/client/logger.js';

/** Keeps what a client says, as `level: message`, without what is said at level debug. */
export class RecordingLogger implements ClientLogger {
  readonly lines: string[] = [];

  debug(): void {}

  info(_fields: object, message: string): void {
    this.lines.push(`info: ${message}`);
  }

  warn(_fields: object, message: string): void {
    this.lines.push(`warn: ${message}`);
  }

  error(_fields: object, message: string): void {
    this.lines.push(`error: ${message}`);
  }
}
