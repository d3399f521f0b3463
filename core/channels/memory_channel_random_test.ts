import { assert, assertEquals } from "@std/assert";
import { simulate } from "../../testing/mod.ts";
import { CancelScope, type MemoryReceiveChannel, type MemorySendChannel, openMemoryChannel } from "../mod.ts";

/** What a channel is, said as simply as possible. It knows the outcome of each call by number. */
class Model {
  readonly outcomes = new Map<number, string>();
  buffer: number[] = [];
  senders: { id: number; value: number; end: number }[] = [];
  receivers: { id: number; end: number }[] = [];
  readonly sendEnds = new Set<number>();
  readonly receiveEnds = new Set<number>();
  constructor(readonly capacity: number) {}

  send(id: number, end: number, value: number): boolean {
    if (!this.sendEnds.has(end)) return this.#ends(id, "ClosedResourceError");
    if (this.receiveEnds.size === 0) return this.#ends(id, "BrokenResourceError");
    const receiver = this.receivers.shift();
    if (receiver !== undefined) this.#ends(receiver.id, `got ${value}`);
    else if (this.buffer.length < this.capacity) this.buffer.push(value);
    else {
      this.senders.push({ id, value, end });
      return false;
    }
    return this.#ends(id, "sent");
  }

  receive(id: number, end: number): boolean {
    if (!this.receiveEnds.has(end)) return this.#ends(id, "ClosedResourceError");
    const sender = this.buffer.length > 0 || this.senders.length > 0 ? this.senders.shift() : undefined;
    if (sender !== undefined) {
      this.buffer.push(sender.value);
      this.#ends(sender.id, "sent");
    }
    const value = this.buffer.shift();
    if (value !== undefined) return this.#ends(id, `got ${value}`);
    if (this.sendEnds.size === 0) return this.#ends(id, "EndOfChannel");
    this.receivers.push({ id, end });
    return false;
  }

  /** Takes a waiting call out of whichever queue it stands in. */
  drop(id: number, outcome: string): void {
    const waiting = [...this.senders, ...this.receivers].some((call) => call.id === id);
    this.senders = this.senders.filter((call) => call.id !== id);
    this.receivers = this.receivers.filter((call) => call.id !== id);
    if (waiting) this.#ends(id, outcome);
  }

  closeSend(end: number): void {
    if (!this.sendEnds.delete(end)) return;
    for (const call of this.senders.filter((call) => call.end === end)) this.drop(call.id, "ClosedResourceError");
    if (this.sendEnds.size === 0) { for (const { id } of this.receivers) this.drop(id, "EndOfChannel"); }
  }

  closeReceive(end: number): void {
    if (!this.receiveEnds.delete(end)) return;
    for (const call of this.receivers.filter((call) => call.end === end)) this.drop(call.id, "ClosedResourceError");
    if (this.receiveEnds.size > 0) return;
    this.buffer = [];
    for (const { id } of this.senders) this.drop(id, "BrokenResourceError");
  }

  #ends(id: number, outcome: string): true {
    this.outcomes.set(id, outcome);
    return true;
  }
}

/** The channel and the model side by side, for one life of a channel. */
class Pair {
  readonly model: Model;
  readonly sends: MemorySendChannel<number>[];
  readonly receives: MemoryReceiveChannel<number>[];
  readonly outcomes = new Map<number, string>();
  readonly scopes = new Map<number, CancelScope>();
  #lastId = 0;

  constructor(capacity: number) {
    this.model = new Model(capacity);
    const [send, receive] = openMemoryChannel<number>(capacity);
    this.sends = [send];
    this.receives = [receive];
    this.model.sendEnds.add(0);
    this.model.receiveEnds.add(0);
  }

  /** Starts a call in a scope of its own, which may be cancelled already. */
  call(cancelled: boolean, start: (id: number) => Promise<unknown>, model: (id: number) => void): void {
    const id = ++this.#lastId;
    const scope = new CancelScope();
    this.scopes.set(id, scope);
    if (cancelled) scope.cancel();
    scope.run(() => start(id)).then(
      ({ cancelledCaught, value }) => {
        this.outcomes.set(id, cancelledCaught ? "cancelled" : value === undefined ? "sent" : `got ${value}`);
      },
      (error) => this.outcomes.set(id, error.name),
    );
    if (cancelled) this.model.outcomes.set(id, "cancelled");
    else model(id);
  }

  check(): void {
    const byId = (map: Map<number, string>) => [...map].sort(([a], [b]) => a - b);
    assertEquals(byId(this.outcomes), byId(this.model.outcomes));
    for (const id of this.outcomes.keys()) this.scopes.delete(id);
    this.outcomes.clear();
    this.model.outcomes.clear();
    const { model } = this;
    const { peakBufferUsed: _, ...statistics } = this.sends[0]!.statistics();
    assertEquals(statistics, {
      currentBufferUsed: model.buffer.length,
      maxBufferSize: model.capacity,
      openSendChannels: model.sendEnds.size,
      openReceiveChannels: model.receiveEnds.size,
      tasksWaitingSend: model.senders.length,
      tasksWaitingReceive: model.receivers.length,
    });
  }
}

/** One random act on both. */
function act(pair: Pair, random: (below: number) => number, value: number): void {
  const { model, sends, receives } = pair;
  const choice = random(1_000);
  const [s, r] = [random(sends.length), random(receives.length)];
  if (choice < 370) {
    pair.call(random(20) === 0, () => sends[s]!.send(value), (id) => model.send(id, s, value));
  } else if (choice < 740) {
    pair.call(random(20) === 0, () => receives[r]!.receive(), (id) => model.receive(id, r));
  } else if (choice < 900) {
    const ids = [...pair.scopes.keys()];
    if (ids.length === 0) return;
    const id = ids[random(ids.length)]!;
    pair.scopes.get(id)!.cancel();
    model.drop(id, "cancelled");
  } else if (choice < 940) {
    const expected = model.sendEnds.has(s) && model.receiveEnds.size > 0 &&
      (model.receivers.length > 0 || model.buffer.length < model.capacity);
    assertEquals(answer(() => sends[s]!.trySend(value)) ?? false, expected);
    if (expected) model.send(0, s, value);
  } else if (choice < 980) {
    const expected = model.receiveEnds.has(r) && (model.buffer.length > 0 || model.senders.length > 0);
    const got = answer(() => receives[r]!.tryReceive());
    assertEquals(got !== undefined, expected);
    if (!expected) return;
    model.receive(0, r);
    assertEquals(`got ${got}`, model.outcomes.get(0));
  } else if (choice < 992) {
    if (model.sendEnds.has(s)) model.sendEnds.add(sends.push(sends[s]!.clone()) - 1);
    if (model.receiveEnds.has(r)) model.receiveEnds.add(receives.push(receives[r]!.clone()) - 1);
  } else if (choice < 996) {
    sends[s]!.close();
    model.closeSend(s);
  } else {
    receives[r]!.close();
    model.closeReceive(r);
  }
  // Calls without a task of their own have no outcome to compare.
  model.outcomes.delete(0);
}

/** What a call gives; `undefined` if the channel is over for it. */
function answer<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    const { name } = error as Error;
    assert(["EndOfChannel", "ClosedResourceError", "BrokenResourceError"].includes(name), name);
    return undefined;
  }
}

for (const seed of [1, 2, 3]) {
  Deno.test(`a channel does as its model does, over 10,000 random operations in bursts (seed ${seed})`, async () => {
    await simulate(async (sim) => {
      const random = (below: number) => Math.floor(sim.random() * below);
      let pair = new Pair(random(4));
      let left = 10_000;
      while (left > 0) {
        // Several acts before any task resumes: that is where wakes and cancels meet.
        for (let burst = 1 + random(6); burst > 0; burst--) act(pair, random, left--);
        await sim.settled();
        pair.check();
        const { model } = pair;
        if ((model.sendEnds.size > 0 && model.receiveEnds.size > 0) || random(4) > 0) continue;
        for (const end of [...pair.sends, ...pair.receives]) end.close();
        for (const end of pair.sends.keys()) model.closeSend(end);
        for (const end of pair.receives.keys()) model.closeReceive(end);
        await sim.settled();
        pair.check();
        pair = new Pair(random(4));
      }
      for (const scope of pair.scopes.values()) scope.cancel();
    }, { seed, maxStepsAtOneInstant: 1_000_000 });
  });
}
