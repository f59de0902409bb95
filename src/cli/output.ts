import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { isRollcallError, type RollcallError } from '../core/errors.js';
import { orAbort } from '../lib/linked-abort.js';
import { printable } from './printable.js';

export interface OutputStreams {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Where a command writes: results on stdout, what is said about them on stderr; as text, or as one JSON object a line. */
export class Output {
  readonly json: boolean;
  readonly #streams: OutputStreams;
  readonly #broken = new AbortController();
  /** Aborted when slow readers are no longer waited for. */
  readonly #hurried = new AbortController();

  /** Ignores a reader that goes away, as `head` does; see {@link broken}. */
  constructor(streams: OutputStreams, json: boolean) {
    this.#streams = streams;
    this.json = json;
    for (const stream of [streams.stdout, streams.stderr]) {
      stream.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') throw error;
        this.#broken.abort();
        this.hurry();
      });
    }
  }

  /** Aborted when nobody reads any more. */
  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  /** Writes lines of text to stdout; resolves when there is room for more. */
  async text(text: string): Promise<void> {
    await this.#write(`${text}\n`);
  }

  /** Writes one JSON object as a line to stdout; resolves when there is room for more. */
  async object(object: object): Promise<void> {
    await this.#write(`${JSON.stringify(object)}\n`);
  }

  /** Says something about the work on stderr. */
  note(message: string, level: 'info' | 'warn' | 'error' = 'info'): void {
    this.#streams.stderr.write(
      this.json ? `${JSON.stringify({ level, message })}\n` : `rollcall: ${printable(message)}\n`,
    );
  }

  /** Says on stderr why a command failed. */
  error(error: unknown): void {
    this.#streams.stderr.write(this.json ? `${JSON.stringify(errorObject(error))}\n` : errorText(error));
  }

  /** Waits for no reader any more: this process is to end, read or not. */
  hurry(): void {
    this.#hurried.abort();
  }

  /** Resolves when all that was written has been handed on, unless it is in a {@link hurry}. */
  async flush(): Promise<void> {
    const { stdout, stderr } = this.#streams;
    await this.#unlessHurried(
      Promise.all([stdout, stderr].map((stream) => new Promise((resolve) => stream.write('', resolve)))),
    );
  }

  async #write(text: string): Promise<void> {
    const { stdout } = this.#streams;
    if (this.broken.aborted || stdout.write(text)) return;
    await this.#unlessHurried(once(stdout, 'drain'));
  }

  async #unlessHurried(handedOn: Promise<unknown>): Promise<void> {
    try {
      await orAbort(handedOn, this.#hurried.signal);
    } catch {
      // The reader is gone, or no longer waited for.
    }
  }
}

function errorObject(error: unknown): object {
  if (!isRollcallError(error)) return { reason: 'INTERNAL', message: String(error), retryable: false, violations: [] };
  const { reason, message, retryable, violations, metadata } = error;
  return { reason, message, retryable, violations, metadata };
}

function errorText(error: unknown): string {
  if (!isRollcallError(error))
    return `rollcall: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`;
  return `rollcall: ${printable(error.message)}\n${columnMark(error)}`;
}

/** For a text with a fault at a column: the text, with the column marked under it. */
function columnMark({ metadata: { text, column } }: RollcallError): string {
  if (text === undefined || column === undefined) return '';
  return `  ${printable(text)}\n  ${' '.repeat(Number(column) - 1)}^\n`;
}
