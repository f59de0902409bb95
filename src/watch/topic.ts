import type { Digest } from '../core/digest.js';
import { LIMITS } from '../core/limits.js';
import type { ServiceName } from '../core/names.js';
import type { CanonicalSelector } from '../core/selector.js';
import { encodeToken, type Revision, type Scope } from '../core/token.js';
import type { Snapshot_Reason as SnapshotReason } from '../gen/rollcall/v1/discovery.js';
import type { Directory } from '../directory/directory.js';
import type { EndpointRecord } from '../directory/schema.js';
import type { EndpointChange } from '../directory/service-state.js';
import { Deque } from '../lib/deque.js';
import { foldChanges } from './fold-changes.js';
import { checkpointMessage, deltaMessage, framedBytes, type Position } from './messages.js';
import { Snapshot } from './snapshot.js';

/** A delta's endpoints may take this much, which leaves room for the rest of the message. */
const DELTA_BYTES_MAX = LIMITS.messageBytesMax - 8 * 1024;

/** Deltas of different beginnings that are kept encoded at once. */
const DELTAS_MAX = 16;

/** A message and the revision that its reader is at afterwards. */
export interface Message {
  readonly bytes: Buffer;
  readonly revision: Revision;
}

/**
 * What a watch is about, and what its watchers share: one service through one
 * selector.
 *
 * A topic holds no view of its own. It knows at which revisions its view
 * changed, and makes from the directory whatever a watcher at some revision
 * needs next. Watchers that stand between the same two changes get the same
 * bytes, so in the common case a change is encoded once for all.
 */
export class Topic {
  readonly name: ServiceName;
  readonly selector: CanonicalSelector;
  readonly scope: Scope;
  readonly #directory: Directory;
  /** Revisions that changed the view and are remembered, oldest first. */
  readonly #changedAt = new Deque<Revision>();
  /** By the first change they contain; valid while the view is as it is. */
  readonly #deltas = new Map<Revision, Message | undefined>();
  readonly #snapshots = new Map<SnapshotReason, Snapshot>();
  #checkpoint: Message | undefined;
  #digest: Digest = 0n;
  /** Changes up to here are accounted for. */
  #revision: Revision;
  #lastChange: Revision = 0;
  /** A view older than this may lack a change that is no longer remembered. Raised as changes are forgotten. */
  #floor: Revision;

  constructor(directory: Directory, target: { name: ServiceName; selector: CanonicalSelector; scope: Scope }) {
    this.#directory = directory;
    this.name = target.name;
    this.selector = target.selector;
    this.scope = target.scope;
    this.#revision = directory.floor;
    this.#floor = directory.floor;
    for (const record of this.#records()) this.#digest ^= record.digest;
    this.#noteChanges((_digest) => undefined);
  }

  /** Takes note of what changed in the directory. Returns whether the view did. */
  advance(): boolean {
    const changed = this.#noteChanges((digest) => (this.#digest ^= digest));
    if (changed) {
      this.#deltas.clear();
      for (const snapshot of this.#snapshots.values()) snapshot.retire();
      this.#snapshots.clear();
    }
    return changed;
  }

  /** Whether the view changed after `revision`. */
  changedSince(revision: Revision): boolean {
    return this.#lastChange > revision;
  }

  /** Everything, at a revision that is at least the given one. */
  snapshot(reason: SnapshotReason, revisionMin: Revision): Snapshot {
    const cached = this.#snapshots.get(reason);
    if (cached !== undefined && cached.revision >= revisionMin) return cached;
    cached?.retire();
    const snapshot = new Snapshot({ records: this.#records(), reason, ...this.position() });
    this.#snapshots.set(reason, snapshot);
    return snapshot;
  }

  /**
   * What brings a view at `revision` to the present: a delta, or a checkpoint
   * if nothing remains of the changes in between. Undefined if the changes are
   * no longer remembered or too large to send; then only a snapshot will do.
   */
  messageSince(revision: Revision): Message | undefined {
    if (this.#isForgotten(revision)) return undefined;
    if (!this.changedSince(revision)) return this.checkpoint();
    const first = this.#changedAt.at(this.#changedAt.firstIndex((changed) => changed > revision));
    if (this.#deltas.has(first)) return this.#deltas.get(first);
    const message = this.#encodeSince(revision);
    if (this.#deltas.size >= DELTAS_MAX) this.#deltas.clear();
    this.#deltas.set(first, message);
    return message;
  }

  checkpoint(): Message {
    const { revision } = this.#directory;
    if (this.#checkpoint?.revision !== revision) {
      this.#checkpoint = { bytes: checkpointMessage(this.position()), revision };
    }
    return this.#checkpoint;
  }

  /** The digest of the view as it was at `revision`, or undefined if that is no longer known. */
  digestAt(revision: Revision): Digest | undefined {
    if (this.#isForgotten(revision)) return undefined;
    return foldChanges(this.#changesAfter(revision), this.selector).digestBefore(this.#digest);
  }

  /** Where a watcher is that has seen everything. */
  position(): Required<Position> {
    const { epoch, revision } = this.#directory;
    return { revision, digest: this.#digest, resumeToken: encodeToken({ epoch, revision, scope: this.scope }) };
  }

  #encodeSince(revision: Revision): Message | undefined {
    const { upserted, removed } = foldChanges(this.#changesAfter(revision), this.selector);
    if (upserted.length + removed.length === 0) return this.checkpoint();
    const bytes = upserted.reduce((sum, record) => sum + framedBytes(record.encoded), 0);
    const removedBytes = removed.length * (LIMITS.endpointIdLengthMax + 24);
    if (bytes + removedBytes > DELTA_BYTES_MAX) return undefined;
    const position = this.position();
    const delta = { upserted: upserted.map((record) => record.encoded), removed };
    return { bytes: deltaMessage(delta, position), revision: position.revision };
  }

  *#changesAfter(revision: Revision): Generator<EndpointChange> {
    const changes = this.#directory.service(this.name)?.changes;
    if (changes === undefined) return;
    for (let index = changes.firstIndex((change) => change.revision > revision); index < changes.length; index++) {
      yield changes.at(index);
    }
  }

  /** Passes the digest of each endpoint that entered or left the view to `flip`. */
  #noteChanges(flip: (digest: Digest) => void): boolean {
    let changed = false;
    for (const { before, after, revision } of this.#changesAfter(this.#revision)) {
      const left = before !== undefined && this.selector.matches(before.endpoint);
      const entered = after !== undefined && this.selector.matches(after.endpoint);
      if (left) flip(before.digest);
      if (entered) flip(after.digest);
      if (!left && !entered) continue;
      changed = true;
      if (this.#lastChange !== revision) this.#changedAt.push(revision);
      this.#lastChange = revision;
    }
    this.#revision = this.#directory.revision;
    return changed;
  }

  /**
   * Whether a view at `revision` may lack a change that the directory no longer
   * remembers. What it has forgotten of other services, or of endpoints outside
   * the view, does not matter here.
   */
  #isForgotten(revision: Revision): boolean {
    while ((this.#changedAt.first() ?? Infinity) <= this.#directory.floor) this.#floor = this.#changedAt.shift()!;
    return revision < this.#floor;
  }

  #records(): EndpointRecord[] {
    const records = [...(this.#directory.service(this.name)?.endpoints.values() ?? [])];
    return this.selector.key === '' ? records : records.filter((record) => this.selector.matches(record.endpoint));
  }
}
