import { connectivityState, experimental, type ChannelOptions } from '@grpc/grpc-js';
import type { Clock, Timer } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import { Child, type ChildOwner } from './child.js';
import { connectionOptions, sameConnection } from './connection-options.js';
import { listedEndpoints, type ListedEndpoint } from './listed-endpoint.js';
import { PolicyConfig, POLICY_NAME } from './policy-config.js';
import { Schedule, type Position } from './schedule.js';
import { SlowStart } from './slow-start.js';
import { needed, Subset } from './subset.js';

/** What a policy takes from outside. */
export interface PolicySurroundings {
  readonly clock: Clock;
  readonly random: Random;
  /** Where the configuration has none. */
  readonly subsetKey: string;
}

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE } = connectivityState;

/** Initial positions lie below it, so that processes that start together do not call the same endpoints in step. */
const POSITION_BOUND = 2 ** 31;

/**
 * The policy of one channel. grpc-js makes and destroys it.
 *
 * Its state follows from those of its children that have a weight:
 *
 * ```
 *   no list yet, resolution failed ──▶ TRANSIENT_FAILURE with the resolver's error
 *   an empty list ───────────────────▶ TRANSIENT_FAILURE with the resolver's note
 *   one READY, or one leaving ───────▶ READY
 *   else one on its way ─────────────▶ CONNECTING, where calls wait
 *   else ────────────────────────────▶ TRANSIENT_FAILURE with the last error
 * ```
 *
 * A child is kept as long as its id with its addresses is listed, and in the subset. After that it is *leaving*: it is
 * called as long as more of the others are on their way than are READY. So is one whose weight became 0, where nobody
 * else is READY. A subset has others in the place of those that fail, until these have proved themselves again.
 */
export class RollcallPolicy implements experimental.LoadBalancer {
  readonly #helper: experimental.ChannelControlHelper;
  readonly #surroundings: PolicySurroundings;
  readonly #slowStart: SlowStart<Child>;
  readonly #childOwner: ChildOwner;
  readonly #picker: experimental.Picker = { pick: (args) => this.#nextChild().pick(args) };
  readonly #queue = new experimental.QueuePicker(this);
  #config: PolicyConfig | undefined;
  #options: ChannelOptions = {};
  #subset: Subset;
  /** Those to connect to, the best first: all that are listed, or twice as many as the subset has. */
  #candidates: readonly ListedEndpoint[] = [];
  /** Of as many candidates as are needed; by key, the best first. */
  #children = new Map<string, Child>();
  /** Those that have left the list and are READY. Never taken back: outlier_detection has forgotten their addresses. */
  #leaving = new Set<Child>();
  /** Keys of the last list, those that were not chosen too; undefined where none of the next can be new. */
  #known: ReadonlySet<string> | undefined;
  /** How many children that have a weight are in each state. */
  #counts = new Map<connectivityState, number>();
  /** Made by the first call after a change, so that a thousand children that become ready cost no thousand of them. */
  #schedule: Schedule<Child> | undefined;
  #position: Position;
  #resolutionNote = '';
  #lastError = '';
  /** What the channel was told last. */
  #reported: { readonly state: connectivityState; readonly errorMessage: string | null } | undefined;
  #reportAgain: Timer | undefined;
  /** Children are changing in numbers; they are looked at when that is done. */
  #updating = false;

  constructor(helper: experimental.ChannelControlHelper, surroundings: PolicySurroundings) {
    this.#helper = helper;
    this.#surroundings = surroundings;
    const { clock, random, subsetKey } = surroundings;
    this.#childOwner = { helper, clock, random, onChange: (...change) => this.#onChildChange(...change) };
    this.#slowStart = new SlowStart(clock, () => this.#reschedule());
    this.#subset = new Subset(subsetKey);
    const start = Math.floor(random.fraction() * POSITION_BOUND);
    this.#position = { inZone: start, elsewhere: start, zoneCredit: random.fraction() };
  }

  /**
   * True unless the configuration is another policy's. An empty list and a failure are accepted too: to grpc-js, false
   * means that this was no resolution, and before the first one calls are not even shown to the policy. They would wait
   * for their deadline instead of failing with what is reported here.
   */
  updateAddressList(
    list: experimental.StatusOr<experimental.Endpoint[]>,
    config: experimental.TypedLoadBalancingConfig,
    channelOptions: ChannelOptions,
    resolutionNote: string,
  ): boolean {
    if (!(config instanceof PolicyConfig)) return false;
    if (!list.ok) {
      // What is known is better than nothing: a failure after a list changes nothing.
      if (this.#config === undefined) {
        this.#report(TRANSIENT_FAILURE, new experimental.UnavailablePicker(list.error), list.error.details);
      }
      return true;
    }
    this.#config = config;
    this.#resolutionNote = resolutionNote;
    this.#slowStart.setWindow(config.settings.slowStartWindowMs);
    this.#setList(listedEndpoints(list.value), connectionOptions(channelOptions));
    // outlier_detection counts calls only if it was told to before the state was last reported, and its own new
    // configuration counts as told once this function has returned.
    this.#reportAgain ??= this.#surroundings.clock.soon(() => {
      this.#reportAgain = undefined;
      if (this.#reported?.state === READY) this.#report(READY, this.#picker, null);
    });
    return true;
  }

  exitIdle(): void {
    for (const child of this.#children.values()) if (child.state === IDLE) child.connect();
  }

  resetBackoff(): void {
    // A leaf has no way to be told; grpc-js's own policies do nothing here either.
  }

  destroy(): void {
    this.#reportAgain?.cancel();
    this.#slowStart.stop();
    for (const child of [...this.#children.values(), ...this.#leaving]) child.destroy();
    this.#children.clear();
    this.#leaving.clear();
  }

  getTypeName(): string {
    return POLICY_NAME;
  }

  #setList(listed: readonly ListedEndpoint[], options: ChannelOptions): void {
    // The same object as long as nothing has changed, which children go by.
    if (!sameConnection(options, this.#options)) this.#options = options;
    this.#candidates = this.#candidatesOf(listed);
    this.#setChildren();
    const { slowStartWindowMs } = this.#config!.settings;
    this.#known = slowStartWindowMs === 0 || listed.length === 0 ? undefined : new Set(listed.map(({ key }) => key));
  }

  #candidatesOf(listed: readonly ListedEndpoint[]): readonly ListedEndpoint[] {
    const { subsetSize, subsetKey = this.#surroundings.subsetKey, zone } = this.#config!.settings;
    if (subsetSize === undefined) return listed;
    if (subsetKey !== this.#subset.key) this.#subset = new Subset(subsetKey);
    return this.#subset.candidates(
      listed.filter(({ weight }) => weight > 0),
      { size: subsetSize, zone },
    );
  }

  #setChildren(): void {
    const before = this.#children;
    const children = new Map<string, Child>();
    const stillReady = this.#candidates.some(({ key, weight }) => weight > 0 && before.get(key)?.state === READY);
    this.#children = children;

    // The new ones first: a connection that a removed one gives up may be just what a new one asks the pool for.
    this.#updating = true;
    for (const one of this.#needed()) {
      let child = before.get(one.key);
      // One that may have to go on being called leaves, and another takes over its connection.
      const unweighted = child?.state === READY && child.listed.weight > 0 && one.weight === 0;
      if (child === undefined || (unweighted && !stillReady)) {
        child = new Child(one, this.#isNew(one), this.#options, this.#childOwner);
        child.connect();
      }
      child.listed = one;
      child.setOptions(this.#options);
      children.set(one.key, child);
    }
    this.#updating = false;

    this.#count();
    for (const child of before.values()) if (children.get(child.listed.key) !== child) this.#remove(child);
    this.#settle();
  }

  /** The candidates that have to have a child. */
  #needed(): Iterable<ListedEndpoint> {
    const { subsetSize } = this.#config!.settings;
    if (subsetSize === undefined) return this.#candidates;
    return needed(this.#candidates, subsetSize, ({ key }) => this.#children.get(key)?.failing ?? false);
  }

  /** All of a first list are as new as each other, and none is spared. */
  #isNew({ key }: ListedEndpoint): boolean {
    return this.#known !== undefined && !this.#known.has(key);
  }

  /** Make before break: whoever can be called goes on being called until another can. */
  #remove(child: Child): void {
    if (child.state === READY && child.listed.weight > 0) this.#leaving.add(child);
    else this.#discard(child);
  }

  #discard(child: Child): void {
    this.#slowStart.forget(child);
    child.destroy();
  }

  #onChildChange(child: Child, before: connectivityState, errorMessage: string | null): void {
    if (errorMessage !== null) this.#lastError = errorMessage;
    if (child.state === READY && child.fresh) {
      child.fresh = false;
      this.#slowStart.begin(child);
    }
    if (this.#updating) return;
    if (this.#leaving.has(child)) {
      // Nobody lists it any more, so it is not connected to again.
      if (child.state === READY) return;
      this.#leaving.delete(child);
      this.#discard(child);
      this.#settle();
      return;
    }
    if (child.listed.weight > 0) {
      this.#counts.set(before, this.#countOf(before) - 1);
      this.#counts.set(child.state, this.#countOf(child.state) + 1);
    }
    if (this.#config!.settings.subsetSize !== undefined && [...this.#needed()].length !== this.#children.size) {
      this.#setChildren();
    } else {
      this.#settle();
    }
    // A connection was lost. Perhaps the endpoint has moved; perhaps it comes back.
    if (before === READY && child.state !== READY) this.#helper.requestReresolution();
    if (child.state === IDLE) child.connect();
  }

  #count(): void {
    this.#counts.clear();
    for (const { state, listed } of this.#children.values()) {
      if (listed.weight > 0) this.#counts.set(state, this.#countOf(state) + 1);
    }
  }

  #countOf(state: connectivityState): number {
    return this.#counts.get(state) ?? 0;
  }

  /** Draws the conclusions from a change, in time that does not depend on how many children there are. */
  #settle(): void {
    const onTheirWay = this.#countOf(CONNECTING) + this.#countOf(IDLE);
    // If those who leave went with the first who is ready, that one would have all the calls until the others are. Nobody
    // is on the way for longer than the connect timeout. An empty list is obeyed at once.
    const enough = this.#countOf(READY) > 0 && this.#countOf(READY) >= onTheirWay;
    if (this.#leaving.size > 0 && (enough || this.#children.size === 0)) {
      for (const child of this.#leaving) this.#discard(child);
      this.#leaving.clear();
    }
    this.#reschedule();
    if (this.#children.size === 0) {
      this.#fail(this.#resolutionNote === '' ? 'the service has no endpoints' : this.#resolutionNote);
    } else if (this.#countOf(READY) > 0 || this.#leaving.size > 0) {
      if (this.#reported?.state !== READY) this.#report(READY, this.#picker, null);
    } else if (onTheirWay > 0) {
      if (this.#reported?.state !== CONNECTING) this.#report(CONNECTING, this.#queue, null);
    } else {
      const tried = this.#countOf(TRANSIENT_FAILURE);
      this.#fail(`none of ${tried} endpoints can be reached; the last error: ${this.#lastError}`);
    }
  }

  #fail(details: string): void {
    if (this.#reported?.state === TRANSIENT_FAILURE && this.#reported.errorMessage === details) return;
    this.#report(TRANSIENT_FAILURE, new experimental.UnavailablePicker({ details }), details);
  }

  #report(state: connectivityState, picker: experimental.Picker, errorMessage: string | null): void {
    this.#reported = { state, errorMessage };
    this.#helper.updateState(state, picker, errorMessage);
  }

  #reschedule(): void {
    this.#position = this.#schedule?.position ?? this.#position;
    this.#schedule = undefined;
  }

  #nextChild(): Child {
    this.#schedule ??= this.#makeSchedule();
    return this.#schedule.next();
  }

  #makeSchedule(): Schedule<Child> {
    const { zone, zoneEndpointsMin } = this.#config!.settings;
    const callees = [...this.#leaving, ...this.#children.values()].filter(
      ({ state, listed: { weight } }) => state === READY && weight > 0,
    );
    for (const child of callees) {
      child.inZone = zone !== '' && child.listed.zone === zone;
      child.weight = child.listed.weight * this.#slowStart.shareOf(child);
    }
    return new Schedule(callees, zoneEndpointsMin, this.#position);
  }
}
