import { RollcallError } from '../../src/core/errors.js';
import type { CommitGroup, Persistence } from '../../src/store/embedded/persistence.js';

type Outcome = 'written' | 'refused';

interface HeldWrite {
  readonly group: CommitGroup;
  readonly letGo: (outcome: Outcome) => void;
}

/** Stands between an embedded store and its persistence, and makes the disk as slow or as full as a test wants it. */
export class DiskGate {
  readonly #inner: Persistence;
  readonly #onWritten: (group: CommitGroup) => void;
  #mode: 'open' | 'held' | 'full' = 'open';
  #heldWrite: HeldWrite | undefined;
  /** What is being written by the inner persistence at this moment. */
  #writing: Promise<void> | undefined;
  #isDead = false;

  /** `onWritten` is told of each group as soon as it is on disk, before the store is. */
  constructor(inner: Persistence, onWritten: (group: CommitGroup) => void = () => undefined) {
    this.#inner = inner;
    this.#onWritten = onWritten;
  }

  /** What the store is to be opened on. */
  readonly persistence: Persistence = {
    load: () => this.#inner.load(),
    write: (group) => this.#write(group),
    close: () => this.#inner.close(),
  };

  get mode(): 'open' | 'held' | 'full' {
    return this.#mode;
  }

  /** The group whose write is held, if one is. */
  get heldGroup(): CommitGroup | undefined {
    return this.#heldWrite?.group;
  }

  /** Writes from now on take until {@link release}. */
  hold(): void {
    this.#mode = 'held';
  }

  /** Writes from now on are refused with STORE_FULL; so is the one that is held. */
  fill(): void {
    this.#mode = 'full';
    this.#letGo('refused');
  }

  /** Writes from now on go through; so does the one that is held. */
  release(): void {
    this.#mode = 'open';
    this.#letGo('written');
  }

  /** Waits for the write under way, other than one that is held. False if there is none. */
  async settle(): Promise<boolean> {
    if (this.#writing === undefined) return false;
    await this.#writing;
    return true;
  }

  /**
   * The process dies. The store never hears of the write that was held, which
   * reaches the disk or not.
   */
  async die(held: 'written' | 'lost'): Promise<void> {
    this.#isDead = true;
    await this.#writing;
    if (this.#heldWrite !== undefined && held === 'written') {
      await this.#inner.write(this.#heldWrite.group);
      this.#onWritten(this.#heldWrite.group);
    }
    this.#heldWrite = undefined;
    await this.#inner.close();
  }

  #letGo(outcome: Outcome): void {
    this.#heldWrite?.letGo(outcome);
    this.#heldWrite = undefined;
  }

  async #write(group: CommitGroup): Promise<void> {
    const outcome =
      this.#mode === 'held'
        ? await new Promise<Outcome>((letGo) => (this.#heldWrite = { group, letGo }))
        : this.#mode === 'full'
          ? 'refused'
          : 'written';
    if (outcome === 'refused') throw new RollcallError('STORE_FULL', 'the disk is full');
    const writing = this.#inner.write(group);
    this.#writing = writing.then(
      () => this.#onWritten(group),
      () => undefined,
    );
    await this.#writing;
    this.#writing = undefined;
    await writing;
    // A dead process hears of nothing.
    if (this.#isDead) await new Promise(() => undefined);
  }
}
