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

/** Snapshots of earlier views that slow readers may finish; those of older ones start over. */
const RETIRED_MAX = 8;

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
  /** Revisions that changed the view since this topic began, and that the directory remembers; oldest first. */
  readonly #changedAt = new Deque<Revision>();
  /** By the first change of the service that they contain; valid while the view is as it is. */
  readonly #deltas = new Map<Revision, Message | undefined>();
  /** The one that was asked for last: watchers that keep up all stand at the same revision. */
  #latestDelta: { readonly since: Revision; readonly message: Message | undefined } | undefined;
  readonly #digests = new Map<Revision, Digest>();
  readonly #snapshots = new Map<SnapshotReason, Snapshot>();
  /** Snapshots of earlier views, whose chunks watchers may still be at; oldest first. */
  readonly #retired = new Deque<Snapshot>();
  readonly #begun: Revision;
  #checkpoint: Message | undefined;
  #digest: Digest = 0n;
  /** Changes up to here are accounted for. */
  #revision: Revision;
  #lastChange: Revision;
  /** Of the changes of this view since it began, those up to here are no longer remembered. */
  #floor: Revision;

  constructor(directory: Directory, target: { name: ServiceName; selector: CanonicalSelector; scope: Scope }) {
    this.#directory = directory;
    this.name = target.name;
    this.selector = target.selector;
    this.scope = target.scope;
    this.#begun = this.#revision = this.#lastChange = this.#floor = directory.revision;
    for (const record of this.#records()) this.#digest ^= record.digest;
  }

  /** Takes note of what changed in the directory. Returns whether the view did. */
  advance(): boolean {
    let changed = false;
    for (const { before, after, revision } of this.#changesAfter(this.#revision)) {
      const left = before !== undefined && this.selector.matches(before.endpoint);
      const entered = after !== undefined && this.selector.matches(after.endpoint);
      if (left) this.#digest ^= before.digest;
      if (entered) this.#digest ^= after.digest;
      if (!left && !entered) continue;
      changed = true;
      if (this.#lastChange !== revision) this.#changedAt.push(revision);
      this.#lastChange = revision;
    }
    this.#revision = this.#directory.revision;
    this.#raiseFloor();
    if (changed) this.#forgetEncoded();
    return changed;
  }

  /** Whether the view may have changed after `revision`; exact for watchers that are not older than this topic. */
  changedSince(revision: Revision): boolean {
    if (revision >= this.#begun) return this.#lastChange > revision;
    return this.#firstChangeAfter(revision) !== undefined;
  }

  /** The whole view, as it is at {@link position}. */
  snapshot(reason: SnapshotReason): Snapshot {
    let snapshot = this.#snapshots.get(reason);
    if (snapshot === undefined) this.#snapshots.set(reason, (snapshot = new Snapshot(this.#records(), reason)));
    return snapshot;
  }

  /**
   * What brings a view at `revision` to the present: a delta, or a checkpoint
   * if nothing remains of the changes in between. Undefined if the changes are
   * no longer remembered or too large to send; then only a snapshot will do.
   */
  messageSince(revision: Revision): Message | undefined {
    if (this.isForgotten(revision)) return undefined;
    if (this.#latestDelta?.since === revision) return this.#latestDelta.message;
    const first = this.changedSince(revision) ? this.#firstChangeAfter(revision) : undefined;
    if (first === undefined) return this.checkpoint();
    let message = this.#deltas.get(first);
    if (message === undefined && !this.#deltas.has(first)) {
      message = this.#encodeSince(revision);
      if (this.#deltas.size >= DELTAS_MAX) this.#deltas.clear();
      this.#deltas.set(first, message);
    }
    this.#latestDelta = { since: revision, message };
    return message;
  }

  checkpoint(): Message {
    const { revision } = this.#directory;
    if (this.#checkpoint?.revision !== revision) {
      this.#checkpoint = { bytes: checkpointMessage(this.position()), revision };
    }
    return this.#checkpoint;
  }

  /**
   * Whether a view at `revision` may lack a change that the directory no longer
   * remembers. What it has forgotten of other services, or of endpoints outside
   * the view, does not matter to a watcher that was there all the time.
   */
  isForgotten(revision: Revision): boolean {
    if (revision >= this.#directory.floor) return false;
    this.#raiseFloor();
    return revision < this.#floor;
  }

  /** The digest of the view as it was at `revision`, which must not be forgotten. */
  digestAt(revision: Revision): Digest {
    const first = this.#firstChangeAfter(revision);
    if (first === undefined) return this.#digest;
    let digest = this.#digests.get(first);
    if (digest === undefined) {
      digest = foldChanges(this.#changesAfter(revision), this.selector).digestBefore(this.#digest);
      this.#digests.set(first, digest);
    }
    return digest;
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

  /** The revision of the service's first remembered change after `revision`, whether or not it concerns this view. */
  #firstChangeAfter(revision: Revision): Revision | undefined {
    const changes = this.#directory.service(this.name)?.changes;
    const index = changes?.firstIndex((change) => change.revision > revision) ?? 0;
    return changes === undefined || index === changes.length ? undefined : changes.at(index).revision;
  }

  #raiseFloor(): void {
    while ((this.#changedAt.first() ?? Infinity) <= this.#directory.floor) this.#floor = this.#changedAt.shift()!;
  }

  /** The view has changed: what was encoded is of the past. */
  #forgetEncoded(): void {
    this.#deltas.clear();
    this.#latestDelta = undefined;
    this.#digests.clear();
    for (const snapshot of this.#snapshots.values()) {
      snapshot.retire();
      // One chunk is written at once; nobody can be amid it.
      if (snapshot.chunkCount > 1) this.#retired.push(snapshot);
    }
    this.#snapshots.clear();
    while (this.#retired.length > RETIRED_MAX) this.#retired.shift()?.abandon();
  }

  #records(): EndpointRecord[] {
    const records = [...(this.#directory.service(this.name)?.endpoints.values() ?? [])];
    return this.selector.key === '' ? records : records.filter((record) => this.selector.matches(record.endpoint));
  }
}
