import { RollcallError } from '../core/errors.js';

/** What is under way on this server, so that a shutdown can let it finish. */
export class CallTracker {
  readonly #streams = new Set<(error: RollcallError) => void>();
  #unaries = 0;
  #draining = false;
  #onIdle: (() => void) | undefined;

  /** Runs a unary call. While draining it still runs: its connection was told to go away, but it came first. */
  unary(run: () => Promise<void>): void {
    this.#unaries++;
    void run().finally(() => {
      if (--this.#unaries === 0) this.#onIdle?.();
    });
  }

  /** Remembers how to end a stream, until the returned function is called. */
  stream(end: (error: RollcallError) => void): () => void {
    this.#streams.add(end);
    return () => this.#streams.delete(end);
  }

  /** @throws RollcallError SHUTTING_DOWN once {@link drain} was called. */
  refuseIfDraining(): void {
    if (this.#draining) throw shuttingDown();
  }

  /** Ends all streams with SHUTTING_DOWN, and resolves once no unary call is under way. */
  async drain(): Promise<void> {
    this.#draining = true;
    for (const end of this.#streams) end(shuttingDown());
    this.#streams.clear();
    if (this.#unaries > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }
}

function shuttingDown(): RollcallError {
  return new RollcallError('SHUTTING_DOWN', 'this server is shutting down');
}
