/**
 * The suites are checked themselves: streams with one deliberate fault each must break the rules about it, and no
 * others.
 */

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { checkpoint, ClosedResourceError, Event, shielded } from "../../core/mod.ts";
import type { HalfCloseableStream } from "../../net/mod.ts";
import {
  checkHalfCloseableStream,
  checkOneWayStream,
  type CheckStreamOptions,
  checkTwoWayStream,
  memoryStreamPair,
  RuleError,
  type StepContext,
} from "../mod.ts";

const OPTIONS: CheckStreamOptions = {
  clog: 5_000,
  simulation: { leaks: "ignore", foreignGrace: 1, maxStepsAtOneInstant: 20_000 },
};

/** Runs rules, and keeps what the broken ones say. */
class Recorder implements StepContext {
  readonly broken: RuleError[] = [];
  readonly rules: string[] = [];

  async step(name: string, fn: () => Promise<void>): Promise<void> {
    this.rules.push(name);
    try {
      await fn();
    } catch (error) {
      assertInstanceOf(error, RuleError);
      assertEquals(error.rule, name);
      this.broken.push(error);
    }
  }

  get names(): string[] {
    return this.broken.map(({ rule }) => rule);
  }
}

/** A good stream, to break one thing of. */
class Wrapper implements HalfCloseableStream {
  constructor(readonly inner: HalfCloseableStream) {}

  sendAll(bytes: Uint8Array): Promise<void> {
    return this.inner.sendAll(bytes);
  }
  sendEof(): Promise<void> {
    return this.inner.sendEof();
  }
  receiveSome(max?: number): Promise<Uint8Array | null> {
    return this.inner.receiveSome(max);
  }
  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return this.inner.receiveInto(buffer);
  }
  close(): void {
    this.inner.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.receiveSome(); chunk !== null; chunk = await this.receiveSome()) yield chunk;
  }
}

type Fault = new (inner: HalfCloseableStream) => Wrapper;

function pairOf(fault: Fault): [Wrapper, Wrapper] {
  const [a, b] = memoryStreamPair({ capacity: 1_000 });
  return [new fault(a), new fault(b)];
}

async function brokenRules(fault: Fault): Promise<RuleError[]> {
  const recorder = new Recorder();
  await checkOneWayStream(recorder, () => pairOf(fault), OPTIONS);
  assertEquals(recorder.rules.length, 25, "a rule that is broken stops no other");
  return recorder.broken;
}

Deno.test("the suites say nothing of a good stream", async () => {
  assertEquals((await brokenRules(Wrapper)).map(String), []);
});

interface Case {
  readonly fault: Fault;
  /** The rule that must find it, and what it must say. */
  readonly rule: string;
  readonly says: string;
  /** How many other rules cannot be kept by such a stream. */
  readonly others?: number;
}

/** What is wrong with each. */
const FAULTS: Readonly<Record<string, Case>> = {
  "a checkpoint between taking bytes and returning them": {
    rule: "a receive that is cancelled as its bytes arrive returns them or leaves them",
    says: "bytes were lost: neither the cancelled receive nor the next one got them",
    fault: class extends Wrapper {
      override async receiveSome(max?: number) {
        const chunk = await super.receiveSome(max);
        await checkpoint();
        return chunk;
      }
    },
  },
  "a receive that cannot be cancelled": {
    rule: "a cancelled receive loses no byte",
    says: "it hung: nothing can ever wake up",
    others: 1,
    fault: class extends Wrapper {
      override async receiveSome(max?: number) {
        return (await shielded(() => super.receiveSome(max))).value ?? null;
      }
    },
  },
  "an empty chunk for the end": {
    rule: "what was sent before close() arrives, then the end, as often as one asks",
    says: "receiveSome() gave 0 bytes after everything had been received",
    others: 2,
    fault: class extends Wrapper {
      override async receiveSome(max?: number) {
        return await super.receiveSome(max) ?? new Uint8Array(0);
      }
    },
  },
  "max is ignored": {
    rule: "receiveSome() and receiveInto() give at least one byte and at most what was asked for",
    says: "asked for at most 3 bytes, it gave 40 bytes",
    others: 1,
    fault: class extends Wrapper {
      override receiveSome() {
        return super.receiveSome();
      }
    },
  },
  "chunks are views of one buffer": {
    rule: "bytes received belong to the receiver, and the buffer of a send that has returned to the sender",
    says: "7 bytes received at 0 changed afterwards",
    others: 1,
    fault: class extends Wrapper {
      readonly #buffer = new Uint8Array(5_000);
      override async receiveSome(max = 5_000) {
        if (!(max >= 1)) return await super.receiveSome(max);
        const size = await super.receiveInto(this.#buffer.subarray(0, max));
        return size === null ? null : this.#buffer.subarray(0, size);
      }
    },
  },
  "receiveInto() writes at the beginning of the memory under the buffer": {
    rule: "receiveInto() writes into the buffer and nowhere else",
    says: "it wrote outside of the buffer",
    fault: class extends Wrapper {
      override async receiveInto(buffer: Uint8Array) {
        if (!(buffer instanceof Uint8Array) || buffer.length === 0) return await super.receiveInto(buffer);
        const chunk = await super.receiveSome(buffer.length);
        if (chunk === null) return null;
        new Uint8Array(buffer.buffer).set(chunk);
        return chunk.length;
      }
    },
  },
  "close() wakes nobody": {
    rule: "close() wakes a blocked receive with ClosedResourceError",
    says: "it did not: receiveSome() is still blocked",
    others: 6,
    fault: class extends Wrapper {
      #closed = false;
      #check() {
        if (this.#closed) throw new ClosedResourceError("closed");
      }
      override async sendAll(bytes: Uint8Array) {
        this.#check();
        await super.sendAll(bytes);
      }
      override async receiveSome(max?: number) {
        this.#check();
        return await super.receiveSome(max);
      }
      override async receiveInto(buffer: Uint8Array) {
        this.#check();
        return await super.receiveInto(buffer);
      }
      override close() {
        this.#closed = true;
      }
    },
  },
  "close() throws the second time": {
    rule: "closing again is harmless, also from three tasks at once and by dispose",
    says: 'closing the send end again threw ClosedResourceError ("closed already")',
    fault: class extends Wrapper {
      #closed = false;
      override close() {
        if (this.#closed) throw new ClosedResourceError("closed already");
        this.#closed = true;
        super.close();
      }
    },
  },
  "receives queue up instead of being refused": {
    rule: "two receives at once are BusyResourceError, and the first one goes on",
    says: "it did not: a second receiveSome() is still blocked",
    fault: class extends Wrapper {
      #free: Event | null = null;
      override async receiveSome(max?: number) {
        while (this.#free !== null) await this.#free.wait();
        this.#free = new Event();
        try {
          return await super.receiveSome(max);
        } finally {
          this.#free.set();
          this.#free = null;
        }
      }
    },
  },
  "nobody is told that the peer is gone": {
    rule: "sending after the receiver has closed ends in BrokenResourceError, and stays so",
    says: "sendAll() returned undefined instead of throwing BrokenResourceError",
    others: 1,
    fault: class extends Wrapper {
      override async sendAll(bytes: Uint8Array) {
        await super.sendAll(bytes).catch((error) => {
          if (error.name !== "BrokenResourceError") throw error;
        });
      }
    },
  },
  "a peer that is gone is called closed": {
    rule: "the receiver closing wakes a blocked send with BrokenResourceError",
    says: 'sendAll() threw ClosedResourceError ("gone") instead of BrokenResourceError',
    others: 1,
    fault: class extends Wrapper {
      override async sendAll(bytes: Uint8Array) {
        await super.sendAll(bytes).catch((error) => {
          throw error.name === "BrokenResourceError" ? new ClosedResourceError("gone") : error;
        });
      }
    },
  },
  "the last bytes are kept back until more come": {
    rule: "what was sent before close() arrives, then the end, as often as one asks",
    says: "it gave the end after 499 of 500 bytes",
    others: 13,
    fault: class extends Wrapper {
      #kept = new Uint8Array(0);
      override async sendAll(bytes: Uint8Array) {
        await super.sendAll(bytes instanceof Uint8Array ? this.#kept : bytes);
        this.#kept = bytes.slice(-1);
        await super.sendAll(bytes.subarray(0, -1));
      }
    },
  },
  "bad arguments throw at once": {
    rule: "bad arguments are refused before any effect",
    says: "receiveSome(0) threw at once instead of returning a promise that rejects: RangeError: max",
    fault: class extends Wrapper {
      override receiveSome(max = 1_000) {
        if (!(max >= 1)) throw new RangeError("max");
        return super.receiveSome(max);
      }
    },
  },
  "async dispose is a checkpoint first": {
    rule: "async dispose closes, also in a cancelled scope",
    says: "it threw Cancelled, which would wrap the error that leaves the block",
    fault: class extends Wrapper {
      override async [Symbol.asyncDispose]() {
        await checkpoint();
        this.close();
      }
    },
  },
  "async dispose rejects": {
    rule: "async dispose closes, also in a cancelled scope",
    says: "Error: flush failed",
    others: 1,
    fault: class extends Wrapper {
      override [Symbol.asyncDispose]() {
        this.close();
        return Promise.reject(new Error("flush failed"));
      }
    },
  },
  "a cancelled operation throws something else": {
    rule: "operations in a cancelled scope refuse before any effect",
    says:
      'receiveSome() of bytes that are there threw in a cancelled scope, but not Cancelled: "aborted", which is no error',
    others: 2,
    fault: class extends Wrapper {
      override async receiveSome(max?: number) {
        return await super.receiveSome(max).catch((error) => {
          throw error.name === "Cancelled" ? "aborted" : error;
        });
      }
    },
  },
  "receiveInto() ends too early": {
    rule: "receiveSome() and receiveInto() give at least one byte and at most what was asked for",
    says: "it gave the end after 3 of 40 bytes",
    others: 2,
    fault: class extends Wrapper {
      override async receiveInto(buffer: Uint8Array) {
        await super.receiveInto(buffer);
        return null;
      }
    },
  },
  "sending no bytes is skipped before any check": {
    rule: "sending on a closed stream is ClosedResourceError, also no bytes",
    says: "sendAll() of no bytes returned undefined instead of throwing ClosedResourceError",
    others: 1,
    fault: class extends Wrapper {
      override async sendAll(bytes: Uint8Array) {
        if (bytes.length === 0) return;
        await super.sendAll(bytes);
      }
    },
  },
  "the sender never waits": {
    rule: "a sender waits for a receiver that does not receive, and goes on when it does",
    says: "it took 5000 bytes that nobody received",
    others: 5,
    fault: class extends Wrapper {
      #rest: Promise<void> = Promise.resolve();
      override async sendAll(bytes: Uint8Array) {
        if (!(bytes instanceof Uint8Array) || bytes.length < 64) return await super.sendAll(bytes);
        await checkpoint();
        this.#rest = this.#rest.then(() => super.sendAll(bytes.slice()));
        this.#rest.catch(() => {});
      }
    },
  },
};

for (const [what, { fault, rule, says, others = 0 }] of Object.entries(FAULTS)) {
  Deno.test(`checkOneWayStream() finds: ${what}`, async () => {
    const broken = await brokenRules(fault);
    const finding = broken.find((error) => error.rule === rule)?.finding.split("\n")[0];
    assertEquals([finding, broken.length], [says, 1 + others], broken.map(String).join("\n"));
  });
}

/** Faults that only a stream in two directions can have. */
const TWO_WAY_FAULTS: Readonly<Record<string, Case>> = {
  "sendEof() closes both directions": {
    rule: "sendEof() ends what the peer receives, after what was sent, and the way back stays open",
    says: 'ClosedResourceError ("Cannot receive as the stream is closed")',
    others: 1,
    fault: class extends Wrapper {
      override async sendEof() {
        await super.sendEof();
        this.close();
      }
    },
  },
  "sendEof() does nothing": {
    rule: "sendEof() wakes a blocked receive of the peer with the end",
    says: "it hung: nothing can ever wake up",
    others: 5,
    fault: class extends Wrapper {
      override sendEof() {
        return checkpoint();
      }
    },
  },
  "sending goes on after sendEof()": {
    rule: "sending after sendEof() is ClosedResourceError, also no bytes",
    says: "sendAll() returned undefined instead of throwing ClosedResourceError",
    fault: class extends Wrapper {
      override async sendAll(bytes: Uint8Array) {
        await super.sendAll(bytes).catch((error) => {
          if (error.message !== "Cannot send as sendEof() was called before") throw error;
        });
      }
    },
  },
  "a sender waits while the same stream receives": {
    rule: "one task may send while another receives",
    says: "it hung: nothing can ever wake up",
    fault: class extends Wrapper {
      #received: Event | null = null;
      override async receiveSome(max?: number) {
        const mine = this.#received ??= new Event();
        try {
          return await super.receiveSome(max);
        } finally {
          mine.set();
          if (this.#received === mine) this.#received = null;
        }
      }
      override async sendAll(bytes: Uint8Array) {
        await this.#received?.wait();
        await super.sendAll(bytes);
      }
    },
  },
  "close() leaves the receiving direction open": {
    rule: "close() ends both directions",
    says: "receiveSome() after it hung instead of throwing ClosedResourceError",
    others: 19,
    fault: class extends Wrapper {
      override close() {
        void this.inner.sendEof().catch(() => {});
      }
    },
  },
};

for (const [what, { fault, rule, says, others = 0 }] of Object.entries(TWO_WAY_FAULTS)) {
  Deno.test(`checkHalfCloseableStream() finds: ${what}`, async () => {
    const recorder = new Recorder();
    await checkHalfCloseableStream(recorder, () => pairOf(fault), OPTIONS);
    const finding = recorder.broken.find((error) => error.rule === rule)?.finding.split("\n")[0];
    assertEquals([finding, recorder.broken.length], [says, 1 + others], recorder.broken.map(String).join("\n"));
  });
}

Deno.test("the suites check their arguments before any rule", async () => {
  const t = { step: () => Promise.reject(new Error("not reached")) };
  for (const suite of [checkOneWayStream, checkTwoWayStream, checkHalfCloseableStream]) {
    await assertRejects(
      () => suite({} as never, memoryStreamPair),
      TypeError,
      'Cannot check streams as "steps.step" must be a function: received undefined',
    );
    await assertRejects(
      () => suite(t, {} as never),
      TypeError,
      'Cannot check streams as "make" must be a function: received an object of type Object',
    );
    await assertRejects(
      () => suite(t, memoryStreamPair, { clog: 1.5 }),
      RangeError,
      'Cannot check streams as "clog" must be a whole number >= 0: received 1.5',
    );
    await assertRejects(
      () => suite(t, memoryStreamPair, { timeout: -1 }),
      RangeError,
      'Cannot check streams as "timeout" must be >= 0: received -1',
    );
  }
  for (const suite of [checkTwoWayStream, checkHalfCloseableStream]) {
    await assertRejects(
      () => suite(t, memoryStreamPair, { over: function* () {} as never }),
      TypeError,
      'Cannot check streams as "over" must be a plain or async function: received a generator function',
    );
  }
});

Deno.test("a maker that throws fails every rule with its error as the cause", async () => {
  const recorder = new Recorder();
  const fault = new Error("no stream today");
  await checkTwoWayStream(recorder, () => Promise.reject(fault), OPTIONS);
  assertEquals(recorder.broken.length, recorder.rules.length);
  assertEquals([recorder.broken[0]?.finding, recorder.broken[0]?.cause], ["Error: no stream today", fault]);
});

Deno.test("in real time a rule that hangs ends at its deadline, even if the stream ignores cancellation", async () => {
  class Deaf extends Wrapper {
    override receiveSome(max?: number): Promise<Uint8Array | null> {
      return max === undefined ? new Promise(() => {}) : super.receiveSome(max);
    }
  }
  const recorder = new Recorder();
  const rule = "close() wakes a blocked receive with ClosedResourceError";
  const steps = { step: (name: string, fn: () => Promise<void>) => name === rule ? recorder.step(name, fn) : null };
  await checkOneWayStream(steps as StepContext, () => pairOf(Deaf), { clog: 0, time: "real", timeout: 1 });
  assertEquals(recorder.broken.map(String), [`RuleError: ${rule}: it hung: the timeout has passed`]);
});

Deno.test("a RuleError is the rule and the finding, without a stack", () => {
  const cause = new Error("why");
  const error = new RuleError("the rule", "the finding", { cause });
  assertEquals([error.name, error.rule, error.finding, error.message, error.stack, error.cause], [
    "RuleError",
    "the rule",
    "the finding",
    "the rule: the finding",
    "RuleError: the rule: the finding",
    cause,
  ]);
});
