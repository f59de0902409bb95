import type { Socket } from 'node:net';
import { Deque } from '../../src/lib/deque.js';
import { seededPick } from './seeded-random.js';

/** How a {@link Corruption} is drawn: the same for the same bytes and seed, however the bytes are cut into chunks. */
export interface CorruptionOptions {
  readonly seed: number;
  /** How many bytes are damaged: one bit of each is flipped. */
  readonly bytes: number;
  /** At most so many bytes pass unharmed between two damaged ones; 1,000 unless told. */
  readonly gapMax?: number;
}

/** The bytes that a source sent, its last word, or that its connection broke. */
type Parcel = Buffer | 'end' | 'reset';

/** Bytes that one passage holds at most, beside what the kernel's sockets hold; then its source is read no more. */
const HELD_BYTES_MAX = 256 * 1024;
/** A throttled line passes on what it may in so many pieces a second. */
const PIECES_PER_SECOND = 50;

/** What happens to all bytes that go one way, on every connection, from now on. */
export class FaultLine {
  readonly #passages = new Set<Passage>();
  #silent = false;
  #latencyMs = 0;
  #bytesPerSecond = Infinity;
  #corruption: Corruption | undefined;

  get silent(): boolean {
    return this.#silent;
  }

  get latencyMs(): number {
    return this.#latencyMs;
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  silence(): void {
    this.#silent = true;
    this.#changed();
  }

  delay(latencyMs: number): void {
    this.#latencyMs = latencyMs;
    this.#changed();
  }

  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#changed();
  }

  corrupt(options: CorruptionOptions): void {
    this.#corruption = new Corruption(options);
  }

  restore(): void {
    this.#silent = false;
    this.#latencyMs = 0;
    this.#bytesPerSecond = Infinity;
    this.#corruption = undefined;
    this.#changed();
  }

  /** Passes on what `source` sends, in order, until the sink is closed. */
  lead(source: Socket, sink: Socket): Passage {
    const passage = new Passage(source, sink, this);
    this.#passages.add(passage);
    sink.once('close', () => this.#passages.delete(passage));
    return passage;
  }

  /** The bytes as they are when they have passed. */
  damaged(bytes: Buffer): Buffer {
    return this.#corruption?.damage(bytes) ?? bytes;
  }

  #changed(): void {
    for (const passage of this.#passages) passage.pass();
  }
}

/** One way of one connection. Memory is bounded: what the sink does not take, the source is not asked for. */
export class Passage {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #line: FaultLine;
  readonly #held = new Deque<{ parcel: Parcel; cameMs: number }>();
  #heldBytes = 0;
  /** When a throttled line takes the next piece. */
  #freeAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(source: Socket, sink: Socket, line: FaultLine) {
    this.#source = source;
    this.#sink = sink;
    this.#line = line;
    source.on('data', (bytes: Buffer) => this.#take(bytes));
    source.on('end', () => this.#take('end'));
    source.on('close', (broken: boolean) => broken && this.#take('reset'));
    sink.on('drain', () => this.pass());
    sink.on('close', () => this.stop());
    this.pass();
  }

  /** From now on nothing passes, whatever comes. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#source.pause();
  }

  /** Passes on what may pass by now. */
  pass(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    for (let next = this.#held.first(); next !== undefined; next = this.#held.first()) {
      if (this.#line.silent || this.#sink.writableNeedDrain) break;
      const nowMs = performance.now();
      const waitMs = Math.max(next.cameMs + this.#line.latencyMs, this.#freeAtMs) - nowMs;
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pass(), waitMs);
        break;
      }
      this.#deliver(next, nowMs);
    }
    if (this.#line.silent || this.#heldBytes >= HELD_BYTES_MAX) this.#source.pause();
    else this.#source.resume();
  }

  #take(parcel: Parcel): void {
    if (this.#stopped) return;
    const damaged = typeof parcel === 'string' ? parcel : this.#line.damaged(parcel);
    this.#held.push({ parcel: damaged, cameMs: performance.now() });
    this.#heldBytes += bytesOf(damaged);
    this.pass();
  }

  #deliver(next: { parcel: Parcel }, nowMs: number): void {
    const { parcel } = next;
    if (parcel === 'end') this.#sink.end();
    else if (parcel === 'reset') this.#sink.resetAndDestroy();
    else {
      const piece = parcel.subarray(0, Math.max(1, Math.floor(this.#line.bytesPerSecond / PIECES_PER_SECOND)));
      this.#sink.write(piece);
      this.#heldBytes -= piece.length;
      this.#freeAtMs = nowMs + (piece.length / this.#line.bytesPerSecond) * 1_000;
      next.parcel = parcel.subarray(piece.length);
      if (next.parcel.length > 0) return;
    }
    this.#held.shift();
  }
}

/** Flips bits here and there, and then no more. */
class Corruption {
  readonly #pick: (below: number) => number;
  readonly #gapMax: number;
  #left: number;
  #gap: number;

  constructor({ seed, bytes, gapMax = 1_000 }: CorruptionOptions) {
    this.#pick = seededPick(seed);
    this.#gapMax = gapMax;
    this.#left = bytes;
    this.#gap = this.#pick(gapMax + 1);
  }

  damage(bytes: Buffer): Buffer {
    const damaged = Buffer.from(bytes);
    let at = this.#gap;
    for (; this.#left > 0 && at < damaged.length; at += 1 + this.#pick(this.#gapMax + 1)) {
      damaged[at] = damaged[at]! ^ (1 << this.#pick(8));
      this.#left--;
    }
    this.#gap = at - damaged.length;
    return damaged;
  }
}

function bytesOf(parcel: Parcel): number {
  return typeof parcel === 'string' ? 0 : parcel.length;
}
