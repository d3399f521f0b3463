/**
 * The suite is checked itself: channels with one deliberate fault each must break the rules about it, and no others.
 */

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  checkpoint,
  ClosedResourceError,
  type MemoryReceiveChannel,
  type MemorySendChannel,
  openBroadcastChannel,
  openMemoryChannel,
  type ReceiveChannel,
  type SendChannel,
  shielded,
} from "../../core/mod.ts";
import { checkChannel, RuleError } from "../mod.ts";

class Send implements SendChannel<number>, Disposable {
  constructor(readonly inner: MemorySendChannel<number>) {}
  send(value: number): Promise<void> {
    return this.inner.send(value);
  }
  trySend(value: number): boolean {
    return this.inner.trySend(value);
  }
  clone(): Send {
    return new (this.constructor as typeof Send)(this.inner.clone());
  }
  close(): void {
    this.inner.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

class Receive implements ReceiveChannel<number>, Disposable {
  constructor(readonly inner: MemoryReceiveChannel<number>) {}
  receive(): Promise<number> {
    return this.inner.receive();
  }
  tryReceive(): number | undefined {
    return this.inner.tryReceive();
  }
  clone(): Receive {
    return new (this.constructor as typeof Receive)(this.inner.clone());
  }
  close(): void {
    this.inner.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    while (true) {
      try {
        yield await this.receive();
      } catch (error) {
        if ((error as Error).name === "EndOfChannel") return;
        throw error;
      }
    }
  }
}

async function brokenRules(
  { send = Send, receive = Receive, capacity = 1 }: { send?: typeof Send; receive?: typeof Receive; capacity?: number },
): Promise<RuleError[]> {
  const broken: RuleError[] = [];
  const steps = {
    async step(_name: string, fn: () => Promise<void>) {
      try {
        await fn();
      } catch (error) {
        assertInstanceOf(error, RuleError);
        broken.push(error);
      }
    },
  };
  const make = (): [Send, Receive] => {
    const [s, r] = openMemoryChannel<number>(1);
    return [new send(s), new receive(r)];
  };
  await checkChannel(steps, make, { capacity });
  return broken;
}

Deno.test("checkChannel() says nothing of a good channel", async () => {
  assertEquals((await brokenRules({})).map(String), []);
});

interface Case {
  readonly broken: Parameters<typeof brokenRules>[0];
  readonly rule: string;
  readonly says: string;
  readonly others?: number;
}

const FAULTS: Readonly<Record<string, Case>> = {
  "a checkpoint between taking a value and returning it": {
    rule: "a receive that is cancelled as its value arrives returns it or leaves it",
    says: "a value was lost: neither the cancelled receive nor the next one got it",
    others: 1,
    broken: {
      receive: class extends Receive {
        override async receive() {
          const value = await super.receive();
          await checkpoint();
          return value;
        }
      },
    },
  },
  "a checkpoint after the value was sent": {
    rule: "a send whose value was taken returns, though it is cancelled right after",
    says: "it threw Cancelled: who sends it again doubles it",
    broken: {
      send: class extends Send {
        override async send(value: number) {
          await super.send(value);
          await checkpoint();
        }
      },
    },
  },
  "a ready receive does not look at its scope": {
    rule: "operations in a cancelled scope refuse before any effect",
    says: "receive() of a value that is there went through in a cancelled scope instead of throwing Cancelled",
    broken: {
      receive: class extends Receive {
        override async receive() {
          return this.tryReceive() ?? await super.receive();
        }
      },
    },
  },
  "a send that cannot be cancelled": {
    rule: "a cancelled send has sent nothing",
    says: "it hung: nothing can ever wake up",
    others: 1,
    broken: {
      send: class extends Send {
        override async send(value: number) {
          await shielded(() => super.send(value));
        }
      },
    },
  },
  "closing a clone closes the channel": {
    rule: "closing a clone again, or disposing of it, counts once",
    says: 'EndOfChannel ("Cannot receive as all sending ends are closed and everything sent was received")',
    others: 4,
    broken: {
      send: class extends Send {
        override clone() {
          return this;
        }
      },
    },
  },
  "close() that closes and throws": {
    rule: "closing an end again, or disposing of it, is harmless",
    says: 'ClosedResourceError ("closed")',
    others: 12,
    broken: {
      send: class extends Send {
        override close() {
          super.close();
          throw new ClosedResourceError("closed");
        }
      },
    },
  },
  "more room than it says": {
    rule: "trySend() without room gives false, and sends nothing",
    says: "trySend() without room gave true instead of false",
    others: 5,
    broken: { capacity: 0 },
  },
  "trySend() that does not answer": {
    rule: "trySend() gives a value to a blocked receiver, and says so",
    says: "trySend() to a blocked receiver gave undefined instead of true",
    others: 1,
    broken: {
      send: class extends Send {
        override trySend(value: number) {
          super.trySend(value);
          return undefined as never;
        }
      },
    },
  },
  "tryReceive() for which nothing is null": {
    rule: "tryReceive() on an empty channel gives undefined",
    says: "tryReceive() gave null instead of undefined",
    others: 1,
    broken: {
      receive: class extends Receive {
        override tryReceive() {
          return super.tryReceive() ?? null as never;
        }
      },
    },
  },
  "less room than it says": {
    rule: "a sender does not wait while there is room",
    says: "it waited, though there is room for 2",
    others: 8,
    broken: { capacity: 2 },
  },
};

for (const [what, { broken, rule, says, others = 0 }] of Object.entries(FAULTS)) {
  Deno.test(`checkChannel() finds: ${what}`, async () => {
    const errors = await brokenRules(broken);
    const finding = errors.find((error) => error.rule === rule)?.finding.split("\n")[0];
    assertEquals([finding, errors.length], [says, 1 + others], errors.map(String).join("\n"));
  });
}

Deno.test("checkChannel() tries the rules about clone(), and about what does not wait, where both ends have it", async () => {
  const rules = async (make: () => readonly [SendChannel<number>, ReceiveChannel<number>]): Promise<string> => {
    const names: string[] = [];
    const step = (name: string, fn: () => Promise<void>) => (names.push(name), fn());
    await checkChannel({ step }, make, { capacity: 1 });
    const about = (what: RegExp): number => names.filter((name) => what.test(name)).length;
    return `${names.length} rules, ${about(/clone/)} about clones, ${about(/try(?:Send|Receive)/)} about try`;
  };
  const plain = (end: SendChannel<number> & ReceiveChannel<number>) => ({
    send: (value: number) => end.send(value),
    receive: () => end.receive(),
    close: () => Promise.resolve(end.close()),
    [Symbol.asyncDispose]: () => end[Symbol.asyncDispose](),
    [Symbol.asyncIterator]: () => end[Symbol.asyncIterator](),
  });
  const [all, base, half] = [
    await rules(() => openMemoryChannel<number>(1)),
    await rules(() => {
      const [send, receive] = openMemoryChannel<number>(1);
      return [plain(send as never), plain(receive as never)];
    }),
    await rules(() => {
      const [send, receive] = openMemoryChannel<number>(1);
      return [send, plain(receive as never)];
    }),
  ];
  assertEquals([all, base, half], [
    "32 rules, 6 about clones, 6 about try",
    "18 rules, 0 about clones, 0 about try",
    "18 rules, 0 about clones, 0 about try",
  ]);
});

Deno.test("checkChannel() takes the two ends of a channel, and nothing else compiles", async () => {
  const t = { step: (_name: string, _fn: () => Promise<void>) => Promise.resolve() };
  // @ts-expect-error the ends the other way round
  await checkChannel(t, () => openMemoryChannel<number>(0).toReversed());
  // @ts-expect-error a channel of texts
  await checkChannel(t, () => openMemoryChannel<string>(0));
  // @ts-expect-error a broadcast channel has no receiving end of its own
  await checkChannel(t, () => openBroadcastChannel<number>(1));
});

Deno.test("checkChannel() checks its arguments before any rule", async () => {
  const t = { step: () => Promise.reject(new Error("not reached")) };
  const make = () => openMemoryChannel<number>(0);
  await assertRejects(
    () => checkChannel({} as never, make),
    TypeError,
    'Cannot check a channel as "steps.step" must be a function: received undefined',
  );
  await assertRejects(
    () => checkChannel(t, [] as never),
    TypeError,
    'Cannot check a channel as "make" must be a function: received an object of type Array',
  );
  await assertRejects(
    () => checkChannel(t, make, { capacity: -1 }),
    RangeError,
    'Cannot check a channel as "capacity" must be a whole number >= 0: received -1',
  );
  await assertRejects(
    () => checkChannel(t, make, { timeout: NaN }),
    RangeError,
    'Cannot check a channel as "timeout" must be >= 0: received NaN',
  );
});
