import { exitCodeOfSignal } from './exit-code.js';

const NAMES = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The signals that ask a command to end. The first is a request; a second one
 * of whoever does not want to wait ends the process at once, unless a command
 * takes the signals for itself.
 */
export class Signals {
  readonly #interrupted = new AbortController();
  #first: NodeJS.Signals | undefined;
  #listener: ((signal: NodeJS.Signals) => void) | undefined;

  constructor() {
    for (const name of NAMES) process.on(name, this.#take);
  }

  /** Aborted by the first signal. */
  get interrupted(): AbortSignal {
    return this.#interrupted.signal;
  }

  /** The exit code that tells of the first signal; undefined when there was none. */
  get exitCode(): number | undefined {
    return this.#first && exitCodeOfSignal(this.#first);
  }

  /** From now on every signal goes to `listener`, and none ends the process. */
  redirect(listener: (signal: NodeJS.Signals) => void): void {
    this.#listener = listener;
  }

  /** Leaves the signals to Node again. */
  release(): void {
    for (const name of NAMES) process.off(name, this.#take);
  }

  readonly #take = (signal: NodeJS.Signals): void => {
    const again = this.#first !== undefined;
    this.#first ??= signal;
    if (this.#listener !== undefined) this.#listener(signal);
    else if (again) process.exit(exitCodeOfSignal(signal));
    this.#interrupted.abort();
  };
}
