/**
 * The way from one host to another: one direction, as each may have rules of its own.
 *
 * Rules are layers: each call of a setter puts one on top, and its guard takes that one away again, in whatever order.
 */

/** What holds on a link: see `LinkOptions`. */
export interface Rules {
  readonly latency: number;
  readonly jitter: number;
  readonly bandwidth: number;
  readonly chunk: number | null;
  readonly window: number;
  readonly loss: number;
  readonly duplicate: number;
}

/**
 * A link nobody has said anything about. 64 KiB is what one receive takes at most, and TCP's window without scaling.
 */
const DEFAULTS: Rules = {
  latency: 0,
  jitter: 0,
  bandwidth: Infinity,
  chunk: null,
  window: 65_536,
  loss: 0,
  duplicate: 0,
};
/** How long TCP waits before it sends again what was lost, in milliseconds; doubled each time (Linux). */
const RETRANSMIT = 200;

/** One direction between two hosts. */
export class Link {
  rules: Rules = DEFAULTS;
  /** Written by `VirtualNetwork`: who cut the link, and who holds it up. */
  readonly partitions: Set<object> = new Set();
  readonly holds: Set<object> = new Set();
  #layers: readonly Partial<Rules>[] = [];
  /** When what was sent before is on the wire: the bandwidth is that of the link, whatever connections share it. */
  #free = 0;

  /** Whether what is sent does not arrive for the time being. */
  get blocked(): boolean {
    return this.partitions.size + this.holds.size > 0;
  }

  addLayer(layer: Partial<Rules>): void {
    this.#setLayers([...this.#layers, layer]);
  }

  removeLayer(layer: Partial<Rules>): void {
    this.#setLayers(this.#layers.filter((other) => other !== layer));
  }

  /** When each copy of a datagram that is sent now arrives: none if it is lost. */
  arrivals(size: number, now: number, random: () => number): number[] {
    const { loss, duplicate } = this.rules;
    if (this.blocked || (loss > 0 && random() < loss)) return [];
    const copies = duplicate > 0 && random() < duplicate ? 2 : 1;
    return Array.from({ length: copies }, () => this.#travel(size, now, random));
  }

  /** When something that is sent now arrives. */
  arrival(size: number, now: number, random: () => number): number {
    const { loss } = this.rules;
    let at = this.#travel(size, now, random);
    if (loss > 0) { for (let wait = RETRANSMIT; random() < loss; wait *= 2) at += wait; }
    return at;
  }

  #travel(size: number, now: number, random: () => number): number {
    const { latency, jitter, bandwidth } = this.rules;
    let at = now;
    if (size > 0 && bandwidth < Infinity) at = this.#free = Math.max(now, this.#free) + size / bandwidth * 1_000;
    at += latency;
    if (jitter > 0) at += jitter * random();
    return at;
  }

  #setLayers(layers: readonly Partial<Rules>[]): void {
    this.#layers = layers;
    this.rules = Object.assign({}, DEFAULTS, ...layers);
  }
}
