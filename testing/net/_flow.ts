/**
 * What is on its way from one end of a connection to the other.
 *
 * Everything goes through it in order, the handshake and the end as well as the bytes: so whatever happens to a link,
 * at whatever moment, happens to all of them alike. Nothing is ever lost here: what a link loses arrives later, as TCP
 * sends it again. While the link is blocked nothing arrives; afterwards all is sent anew.
 */

import type { Alarm, Clock } from "../../core/lowlevel.ts";
import type { ItemKind } from "./_item_kind.ts";
import type { Fate, LogEntry, NetworkLog } from "./network_log.ts";
import type { Link } from "./_link.ts";

/** The surroundings of everything on a network. */
export interface Wire {
  readonly clock: Clock;
  random(): number;
  readonly events: NetworkLog;
}

/** One thing on its way. */
export interface Item {
  readonly kind: ItemKind;
  /** What was sent, of `data`. */
  readonly bytes: Uint8Array;
  /** How much was taken, of `credit`. */
  credit: number;
  arrives: number;
  /** Its line in the log, if it has one. */
  readonly entry: LogEntry | null;
}

/** What a rule of a link does to a connection in the end: see `LinkOptions`. */
export type LinkFault = "reset" | "close" | "limit";

const NO_BYTES = new Uint8Array(0);

/** See the header. */
export class Flow {
  readonly link: Link;
  /** Names of the ends, for the log. Written by the connection. */
  label = "";
  /** Bytes on their way. */
  inFlight = 0;
  /** Bytes sent in all. */
  sent = 0;
  readonly #wire: Wire;
  readonly #deliver: (item: Item) => void;
  readonly #items: Item[] = [];
  #alarm: Alarm | null = null;
  /** When the last thing arrives: nothing overtakes it. */
  #last = 0;
  /** Whether the link was blocked when this was last asked. */
  #blocked: boolean;

  /** When a rule ends the connection. */
  #fault: Alarm | null = null;
  /** Whether nothing of the stream gets through any more, and whether anything of it was sent. */
  #cut = false;
  #used = false;
  /** A rule ends the connection. Written by the connection. */
  onFault: (fault: LinkFault) => void = () => {};

  /** `deliver` is called with each thing as it arrives. */
  constructor(wire: Wire, link: Link, deliver: (item: Item) => void) {
    this.#wire = wire;
    this.link = link;
    this.#blocked = link.blocked;
    this.#deliver = deliver;
  }

  /** Whether nothing is on its way. */
  get empty(): boolean {
    return this.#items.length === 0;
  }

  /** Sends something; what is handed over is the flow's. */
  send(kind: Exclude<ItemKind, "credit">, bytes: Uint8Array = NO_BYTES): void {
    const { clock, events } = this.#wire;
    const { blackHole, limitData } = this.link.rules;
    const isStream = kind === "data" || kind === "fin";
    if (isStream && (this.#cut || blackHole !== null)) {
      this.sent += bytes.length;
      const entry = events.sent(clock.now(), this.label, { kind, size: bytes.length });
      if (entry !== null) entry.fate = "lost";
      this.#used = true;
      return this.#armFault();
    }
    if (kind === "data" && this.sent + bytes.length > limitData) {
      const passed = limitData - Math.min(limitData, this.sent);
      if (passed > 0) this.#sendPieces(bytes.subarray(0, passed));
      return this.onFault("limit");
    }
    if (kind === "data") this.#sendPieces(bytes);
    else this.#sendOne(kind, bytes, kind === "fin" ? this.link.rules.slowClose : 0);
    if (kind !== "syn" && kind !== "rst") {
      this.#used = true;
      this.#armFault();
    }
  }

  /** In pieces, if the link slices. */
  #sendPieces(bytes: Uint8Array): void {
    const { slice, sliceDelay } = this.link.rules;
    if (slice === Infinity) return this.#sendOne("data", bytes, 0);
    let at = 0;
    for (let i = 0; at < bytes.length; i++) {
      const size = 1 + Math.floor(this.#wire.random() * slice);
      this.#sendOne("data", bytes.subarray(at, at + size), i * sliceDelay);
      at += size;
    }
  }

  #sendOne(kind: Exclude<ItemKind, "credit">, bytes: Uint8Array, later: number): void {
    const { clock, random, events } = this.#wire;
    const now = clock.now();
    const arrives = this.link.arrival(bytes.length, now, random) + later;
    this.sent += bytes.length;
    this.inFlight += bytes.length;
    const entry = events.sent(now, this.label, { kind, size: bytes.length });
    this.#push({ kind, bytes, credit: 0, arrives, entry });
    if (this.link.blocked && entry !== null) become(entry, "held up");
  }

  /** Nothing of the stream gets through any more, but this. */
  cut(last: "fin" | "rst"): void {
    if (this.#cut) return;
    this.#sendOne(last, NO_BYTES, 0);
    this.#cut = true;
  }

  /** The rules of the link are others. */
  rulesChanged(): void {
    this.#fault?.cancel();
    this.#fault = null;
    this.#armFault();
  }

  /** The connection is over. */
  end(): void {
    this.#fault?.cancel();
    this.#fault = null;
    this.#cut = true;
  }

  #armFault(): void {
    if (this.#fault !== null || this.#cut || !this.#used) return;
    const { resetAfter, blackHole } = this.link.rules;
    const after = Math.min(resetAfter, blackHole ?? Infinity);
    if (after === Infinity) return;
    const { clock } = this.#wire;
    this.#fault = clock.at(clock.now() + after, this.onFault, resetAfter === after ? "reset" : "close");
  }

  /** Tells the other end that bytes were taken. */
  sendCredit(credit: number): void {
    const arrives = this.#wire.clock.now() + this.link.rules.latency;
    const last = this.#items.at(-1);
    if (last?.kind === "credit" && last.arrives >= arrives) last.credit += credit;
    else this.#push({ kind: "credit", bytes: NO_BYTES, credit, arrives, entry: null });
  }

  /** The link may have been blocked, or be free again. */
  linkChanged(): void {
    if (this.link.blocked === this.#blocked) return;
    this.#blocked = this.link.blocked;
    this.#alarm?.cancel();
    this.#alarm = null;
    this.#note(this.#blocked ? "held up" : "on its way");
    if (this.#blocked) return;
    const soonest = this.#wire.clock.now() + this.link.rules.latency;
    for (const item of this.#items) item.arrives = this.#last = Math.max(item.arrives, soonest);
    this.#arm();
  }

  /** Forgets what is on its way. */
  drop(): void {
    this.#note("lost");
    this.#items.length = this.inFlight = 0;
    this.#alarm?.cancel();
    this.#alarm = null;
  }

  /** Writes down what has become of all that is on its way. */
  #note(fate: Fate): void {
    for (const { entry } of this.#items) if (entry !== null) become(entry, fate);
  }

  #push(item: Item): void {
    item.arrives = this.#last = Math.max(item.arrives, this.#last);
    this.#items.push(item);
    this.#arm();
  }

  #arm(): void {
    const first = this.#items[0];
    if (this.#alarm !== null || first === undefined || this.link.blocked) return;
    this.#alarm = this.#wire.clock.at(first.arrives, arrived, this as Flow);
  }

  /** Hands over what has arrived. */
  arrive(): void {
    this.#alarm = null;
    const now = this.#wire.clock.now();
    for (let item = this.#items[0]; item !== undefined && item.arrives <= now; item = this.#items[0]) {
      this.#items.shift();
      this.inFlight -= item.bytes.length;
      if (item.entry !== null) item.entry.fate = { delivered: now };
      this.#deliver(item);
    }
    this.#arm();
  }
}

const arrived = (flow: Flow): void => flow.arrive();

function become(entry: LogEntry, fate: Fate): void {
  entry.fate = fate;
  if (fate === "held up") entry.held = true;
}
