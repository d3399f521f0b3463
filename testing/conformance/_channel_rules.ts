/**
 * The rules of a channel: those of every channel, those of what does not wait, and those of clones. Over 400 lines, as
 * a list of rules is best read in one piece.
 */

import {
  BrokenResourceError,
  ClosedResourceError,
  EndOfChannel,
  isOnlyCancelled,
  type MemoryReceiveChannel,
  type MemorySendChannel,
  moveOnAfter,
  type ReceiveChannel,
  type SendChannel,
} from "../../core/mod.ts";
import { type Attempt, bind, type BoundRule, type Rule, show, textOf, type Trial } from "./_rules.ts";

/** The two ends of a channel of numbers. */
export type ChannelEnds = readonly [SendChannel<number>, ReceiveChannel<number>];

interface Ends {
  readonly send: SendChannel<number>;
  readonly receive: ReceiveChannel<number>;
}

/** Ends with twins that do not wait. */
interface TryingEnds {
  readonly send: Ends["send"] & Pick<MemorySendChannel<number>, "trySend">;
  readonly receive: Ends["receive"] & Pick<MemoryReceiveChannel<number>, "tryReceive">;
}

/** Ends that can be cloned. */
interface CloningEnds {
  readonly send: Ends["send"] & { clone(): SendChannel<number> };
  readonly receive: Ends["receive"] & { clone(): ReceiveChannel<number> };
}

/** How often a rule about a race is tried, with the cancellation at a different moment. */
const ROUNDS = 20;
/** How many values stand for "any number" where nothing limits them. */
const MANY = 1_000;

const LOST = "a value was lost: neither the cancelled receive nor the next one got it";

/**
 * The rules for a channel that holds `capacity` values. Those about more than a channel has to have come last: by then
 * it is known what its ends can do.
 */
export function* channelRules(capacity: number, make: () => ChannelEnds | Promise<ChannelEnds>): Iterable<BoundRule> {
  let last: Ends | null = null;
  const ends = async (bench: Trial): Promise<Ends> => {
    const [send, receive] = await make();
    bench.closeLater(send, receive);
    return last = { send, receive };
  };
  const can = (sending: string, receiving: string): boolean =>
    last !== null && has(last.send, sending) && has(last.receive, receiving);
  const limited = capacity !== Infinity;
  yield* bind([...RULES, roomRule(capacity), ...(limited ? fullRules(capacity) : [])], ends);
  if (can("trySend", "tryReceive")) {
    yield* bind([...TRY_RULES, ...(limited ? fullTryRules(capacity) : [])], ends as never);
  }
  if (can("clone", "clone")) {
    yield* bind([...CLONE_RULES, ...(limited ? [fullCloneRule(capacity)] : [])], ends as never);
  }
}

function has(end: object, method: string): boolean {
  return typeof (end as Readonly<Record<string, unknown>>)[method] === "function";
}

/** What holds for every channel. */
const RULES: readonly Rule<Ends>[] = [
  {
    name: "values arrive once each, in the order in which they were sent",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          for (let i = 0; i < 100; i++) await send.send(i);
        });
        await requireNext(bench, receive, count(100));
        await sending.value();
      });
    },
  },
  {
    name: "several tasks may send and receive: each value arrives at one of them, and none is lost",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const got: number[] = [];
        const receiving = count(3).map(() =>
          start(async () => {
            for await (const value of receive) got.push(value);
          })
        );
        const sending = count(4).map((s) =>
          start(async () => {
            for (let i = 0; i < 25; i++) await send.send(s * 25 + i);
          })
        );
        for (const attempt of sending) await attempt.value();
        await send.close();
        for (const attempt of receiving) await attempt.value();
        requireSame(bench, got.sort((a, b) => a - b), count(100));
      });
    },
  },
  {
    name: "the task that has waited longest to receive is served first",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const receiving: Attempt<number>[] = [];
        for (let i = 0; i < 3; i++) {
          receiving.push(start(() => receive.receive()));
          await bench.settle();
        }
        for (let i = 0; i < 3; i++) await send.send(i);
        const got: number[] = [];
        for (const attempt of receiving) got.push(await attempt.value());
        requireSame(bench, got, [0, 1, 2]);
      });
    },
  },
  {
    name: "a cancelled receive loses no value",
    async check(bench: Trial, { send, receive }) {
      for (let round = 0; round < ROUNDS; round++) {
        const cancelled = await moveOnAfter(Infinity, async (scope) => {
          const receiving = receive.receive();
          receiving.catch(() => {});
          await bench.settle();
          scope.cancel();
          return await receiving;
        });
        bench.require(cancelled.cancelledCaught, "it returned a value that nobody had sent");
        await bench.tasks(async (start) => {
          const sending = start(() => send.send(round));
          await bench.ends(LOST, start(() => requireNext(bench, receive, [round])));
          await sending.value();
        });
      }
    },
  },
  {
    name: "a receive that is cancelled as its value arrives returns it or leaves it",
    async check(bench: Trial, { send, receive }) {
      for (let round = 0; round < ROUNDS; round++) {
        await bench.tasks(async (start) => {
          let sending = null as Attempt<void> | null;
          const outcome = await moveOnAfter(Infinity, async (scope) => {
            const receiving = receive.receive();
            receiving.catch(() => {});
            sending = start(() => send.send(round));
            // The sender runs in a microtask; so the cancellation comes at different moments of the handing over.
            for (let i = round % 10; i > 0; i--) await null;
            scope.cancel();
            return await receiving;
          });
          if (outcome.cancelledCaught) await bench.ends(LOST, start(() => requireNext(bench, receive, [round])));
          else requireSame(bench, [outcome.value], [round]);
          await sending?.value();
        });
      }
    },
  },
  {
    name: "operations in a cancelled scope refuse before any effect",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const receiving = start(() => receive.receive());
        await bench.settle();
        await bench.refuses("send() to a blocked receiver", () => send.send(-1));
        const sending = start(() => send.send(1));
        requireSame(bench, [await receiving.value()], [1]);
        await sending.value();
        const next = start(() => send.send(2));
        await bench.settle();
        await bench.refuses("receive() of a value that is there", () => receive.receive());
        await requireNext(bench, receive, [2]);
        await next.value();
      });
    },
  },
  {
    name: "the channel ends when its sender is closed, after the values on their way",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          for (let i = 0; i < 3; i++) await send.send(i);
          await send.close();
        });
        await requireNext(bench, receive, count(3));
        await sending.value();
        for (let i = 0; i < 2; i++) await bench.rejects("receive()", () => receive.receive(), EndOfChannel);
      });
    },
  },
  {
    name: "closing the sender wakes every blocked receive with EndOfChannel",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const receiving = [start(() => receive.receive()), start(() => receive.receive())];
        await bench.settle();
        await send.close();
        for (const attempt of receiving) await bench.failsWith("receive()", attempt, EndOfChannel);
      });
    },
  },
  {
    name: "sending when the receiver is closed is BrokenResourceError",
    async check(bench: Trial, { send, receive }) {
      await receive.close();
      // Over a network the sender has to be told.
      await bench.settle();
      await bench.rejects("send()", () => send.send(1), BrokenResourceError);
    },
  },
  {
    name: "using a closed end is ClosedResourceError",
    async check(bench: Trial, { send, receive }) {
      await send.close();
      await receive.close();
      await bench.rejects("send()", () => send.send(1), ClosedResourceError);
      await bench.rejects("receive()", () => receive.receive(), ClosedResourceError);
    },
  },
  {
    name: "close() wakes the receives blocked on that end with ClosedResourceError",
    async check(bench: Trial, { receive }) {
      await bench.tasks(async (start) => {
        const receiving = [start(() => receive.receive()), start(() => receive.receive())];
        await bench.settle();
        await receive.close();
        for (const attempt of receiving) await bench.failsWith("receive()", attempt, ClosedResourceError);
      });
    },
  },
  {
    name: "closing an end again, or disposing of it, is harmless",
    async check(bench: Trial, { send, receive }) {
      for (const end of [send, receive]) {
        await dispose(end);
        await end.close();
        await dispose(end);
      }
      await bench.rejects("send()", () => send.send(1), ClosedResourceError);
      await bench.rejects("receive()", () => receive.receive(), ClosedResourceError);
    },
  },
  {
    name: "iterating receives until the channel ends",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          for (let i = 0; i < 5; i++) await send.send(i);
          await send.close();
        });
        const got: number[] = [];
        for await (const value of receive) got.push(value);
        requireSame(bench, got, count(5));
        await sending.value();
      });
    },
  },
];

/** What holds for every capacity, each in its way. */
function roomRule(capacity: number): Rule<Ends> {
  const room = Math.min(capacity, MANY);
  return {
    name: "a sender does not wait while there is room",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          for (let i = 0; i < room; i++) await send.send(i);
        });
        await bench.ends(`it waited, though there is room for ${capacity}`, sending);
        await requireNext(bench, receive, count(room));
      });
    },
  };
}

/** What holds when there is no more room. */
function fullRules(capacity: number): readonly Rule<Ends>[] {
  const fill = filler(capacity);
  return [
    {
      name: "a sender without room waits, and blocked senders go on in their order",
      async check(bench: Trial, { send, receive }) {
        await bench.tasks(async (start) => {
          await fill(bench, start, send);
          const sending: Attempt<void>[] = [];
          for (let i = 0; i < 3; i++) {
            sending.push(start(() => send.send(capacity + i)));
            await bench.settle();
          }
          bench.require(sending.every(({ outcome }) => outcome === null), "a send returned, though there is no room");
          await requireNext(bench, receive, count(capacity + 3));
          for (const attempt of sending) await attempt.value();
        });
      },
    },
    {
      name: "a cancelled send has sent nothing",
      async check(bench: Trial, { send, receive }) {
        await bench.tasks(async (start) => {
          await fill(bench, start, send);
          const outcome = await moveOnAfter(Infinity, async (scope) => {
            const sending = send.send(-1);
            sending.catch(() => {});
            await bench.settle();
            scope.cancel();
            await sending;
          });
          bench.require(outcome.cancelledCaught, "it returned, though there is no room");
          const sending = start(() => send.send(capacity));
          await requireNext(bench, receive, count(capacity + 1));
          await sending.value();
        });
      },
    },
    {
      name: "closing the receiver wakes every blocked send with BrokenResourceError",
      async check(bench: Trial, { send, receive }) {
        await bench.tasks(async (start) => {
          await fill(bench, start, send);
          const sending = [start(() => send.send(1)), start(() => send.send(2))];
          await bench.settle();
          await receive.close();
          for (const attempt of sending) await bench.failsWith("send()", attempt, BrokenResourceError);
        });
      },
    },
    {
      name: "close() wakes the sends blocked on that end with ClosedResourceError",
      async check(bench: Trial, { send }) {
        await bench.tasks(async (start) => {
          await fill(bench, start, send);
          const sending = [start(() => send.send(1)), start(() => send.send(2))];
          await bench.settle();
          await send.close();
          for (const attempt of sending) await bench.failsWith("send()", attempt, ClosedResourceError);
        });
      },
    },
  ];
}

/** What holds for `trySend()` and `tryReceive()`. */
const TRY_RULES: readonly Rule<TryingEnds>[] = [
  {
    name: "trySend() gives a value to a blocked receiver, and says so",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const receiving = start(() => receive.receive());
        await bench.settle();
        requireAnswer(bench, "trySend() to a blocked receiver", send.trySend(7), true);
        const value = await receiving.value();
        bench.require(value === 7, `the receiver got ${value} instead of 7`);
      });
    },
  },
  {
    name: "tryReceive() on an empty channel gives undefined",
    check(bench: Trial, { receive }) {
      requireAnswer(bench, "tryReceive()", receive.tryReceive(), undefined);
      return Promise.resolve();
    },
  },
  {
    name: "a value that was handed over is received, though the receiver is cancelled right after",
    async check(bench: Trial, { send, receive }) {
      const outcome = await moveOnAfter(Infinity, async (scope) => {
        const receiving = receive.receive();
        receiving.catch(() => {});
        send.trySend(1);
        scope.cancel();
        return await receiving;
      });
      bench.require(!outcome.cancelledCaught, "trySend() had returned, and the receiver threw Cancelled");
      requireSame(bench, [outcome.value], [1]);
    },
  },
  {
    name:
      "trySend() and tryReceive() throw what send() and receive() throw of a channel that is over, and of a closed end",
    async check(bench: Trial, { send, receive }) {
      await send.close();
      await throws(bench, "tryReceive() at the end", () => receive.tryReceive(), EndOfChannel);
      await throws(bench, "trySend() on a closed end", () => send.trySend(1), ClosedResourceError);
      await receive.close();
      await throws(bench, "tryReceive() on a closed end", () => receive.tryReceive(), ClosedResourceError);
    },
  },
  {
    name: "trySend() when the receiver is closed is BrokenResourceError",
    async check(bench: Trial, { send, receive }) {
      await receive.close();
      await throws(bench, "trySend()", () => send.trySend(1), BrokenResourceError);
    },
  },
];

/** What holds for `trySend()` and `tryReceive()` when there is no more room. */
function fullTryRules(capacity: number): readonly Rule<TryingEnds>[] {
  const fill = (send: TryingEnds["send"]): void => {
    for (let i = 0; i < capacity; i++) send.trySend(i);
  };
  return [
    {
      name: "trySend() without room gives false, and sends nothing",
      check(bench: Trial, { send, receive }) {
        for (let i = 0; i < capacity; i++) requireAnswer(bench, "trySend() with room", send.trySend(i), true);
        requireAnswer(bench, "trySend() without room", send.trySend(-1), false);
        for (let i = 0; i < capacity; i++) requireSame(bench, [receive.tryReceive()], [i]);
        requireAnswer(bench, "tryReceive() of an empty channel", receive.tryReceive(), undefined);
        return Promise.resolve();
      },
    },
    {
      name: "tryReceive() takes the value of a blocked sender",
      async check(bench: Trial, { send, receive }) {
        fill(send);
        await bench.tasks(async (start) => {
          const sending = start(() => send.send(capacity));
          await bench.settle();
          const got = count(capacity + 1).map(() => receive.tryReceive());
          requireSame(bench, got, count(capacity + 1));
          await sending.value();
        });
      },
    },
    {
      name: "a send whose value was taken returns, though it is cancelled right after",
      async check(bench: Trial, { send, receive }) {
        fill(send);
        let got: (number | undefined)[] = [];
        let error: unknown = null;
        await moveOnAfter(Infinity, async (scope) => {
          const sending = send.send(capacity);
          sending.catch(() => {});
          await bench.settle();
          got = count(capacity + 1).map(() => receive.tryReceive());
          scope.cancel();
          await sending.catch((thrown) => error = thrown);
        });
        requireSame(bench, got, count(capacity + 1));
        if (error !== null) {
          bench.fail(isOnlyCancelled(error) ? "it threw Cancelled: who sends it again doubles it" : textOf(error));
        }
      },
    },
  ];
}

/** What holds for `clone()`. */
const CLONE_RULES: readonly Rule<CloningEnds>[] = [
  {
    name: "clones share the channel: each value arrives at one of them, and none is lost",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const got: number[] = [];
        const attempts: Attempt<void>[] = [];
        for (let r = 0; r < 3; r++) {
          attempts.push(start(async () => {
            for await (const value of receive.clone()) got.push(value);
          }));
        }
        for (let s = 0; s < 4; s++) {
          const mine = send.clone();
          attempts.push(start(async () => {
            for (let i = 0; i < 25; i++) await mine.send(s * 25 + i);
            await mine.close();
          }));
        }
        await send.close();
        for (const attempt of attempts) await attempt.value();
        requireSame(bench, got.sort((a, b) => a - b), count(100));
      });
    },
  },
  {
    name: "the channel ends when the last clone of the sender is closed, and breaks with that of the receiver",
    async check(bench: Trial, { send, receive }) {
      const clones = [send.clone(), receive.clone()] as const;
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          await send.send(1);
          await send.close();
          await clones[0].send(2);
        });
        await requireNext(bench, receive, [1]);
        await receive.close();
        await requireNext(bench, clones[1], [2]);
        await sending.value();
        const last = start(() => clones[1].receive());
        await bench.settle();
        bench.require(last.outcome === null, "the channel ended with the first clone of the sender");
        await clones[0].close();
        await bench.failsWith("receive()", last, EndOfChannel);
      });
    },
  },
  {
    name: "clone() of a closed end is ClosedResourceError",
    async check(bench: Trial, { send, receive }) {
      bench.closeLater(send.clone(), receive.clone());
      await send.close();
      await receive.close();
      await throws(bench, "clone() of a sender", () => send.clone(), ClosedResourceError);
      await throws(bench, "clone() of a receiver", () => receive.clone(), ClosedResourceError);
    },
  },
  {
    name: "close() wakes no receive that is blocked on a clone",
    async check(bench: Trial, { send, receive }) {
      const clone = receive.clone();
      await bench.tasks(async (start) => {
        const other = start(() => clone.receive());
        await bench.settle();
        await receive.close();
        await bench.settle();
        bench.require(other.outcome === null, "the receive on a clone ended as well");
        await send.send(3);
        requireSame(bench, [await other.value()], [3]);
      });
    },
  },
  {
    name: "closing a clone again, or disposing of it, counts once",
    async check(bench: Trial, { send, receive }) {
      for (const end of [send.clone(), receive.clone()]) {
        await dispose(end);
        await end.close();
        await dispose(end);
      }
      await bench.tasks(async (start) => {
        const sending = start(() => send.send(1));
        await requireNext(bench, receive, [1]);
        await sending.value();
      });
    },
  },
];

/** What holds for clones when there is no more room. */
function fullCloneRule(capacity: number): Rule<CloningEnds> {
  const fill = filler(capacity);
  return {
    name: "close() wakes no send that is blocked on a clone",
    async check(bench: Trial, { send, receive }) {
      const clone = send.clone();
      await bench.tasks(async (start) => {
        await fill(bench, start, send);
        const other = start(() => clone.send(capacity));
        await bench.settle();
        await send.close();
        await bench.settle();
        bench.require(other.outcome === null, "the send on a clone ended as well");
        await requireNext(bench, receive, count(capacity + 1));
        await other.value();
      });
    },
  };
}

/** Fills a channel by sends, which end at once if it has the room that it says. */
function filler(capacity: number) {
  return async (bench: Trial, start: <T>(fn: () => Promise<T>) => Attempt<T>, send: Ends["send"]): Promise<void> => {
    const filling = start(async () => {
      for (let i = 0; i < capacity; i++) await send.send(i);
    });
    await bench.ends(`a send waited, though there is room for ${capacity}`, filling);
  };
}

/** Disposes of an end in every way it has. */
async function dispose(end: AsyncDisposable & Partial<Disposable>): Promise<void> {
  end[Symbol.dispose]?.();
  await end[Symbol.asyncDispose]();
}

function count(size: number): number[] {
  return Array.from({ length: size }, (_, i) => i);
}

async function requireNext(
  bench: Trial,
  receive: ReceiveChannel<number>,
  expected: readonly number[],
): Promise<void> {
  for (const value of expected) {
    const got = await receive.receive();
    bench.require(got === value, `value ${got} arrived where ${value} was due: values were lost, doubled or swapped`);
  }
}

function requireSame(bench: Trial, got: readonly unknown[], expected: readonly number[]): void {
  bench.require(
    got.length === expected.length && got.every((value, i) => value === expected[i]),
    `the values were ${got.join(", ")} instead of ${expected.join(", ")}`,
  );
}

/** As `rejects`, for functions that throw. */
function requireAnswer(bench: Trial, what: string, answer: unknown, expected: boolean | undefined): void {
  bench.require(answer === expected, `${what} gave ${show(answer)} instead of ${expected}`);
}

function throws(
  bench: Trial,
  what: string,
  fn: () => unknown,
  Class: Parameters<Trial["rejects"]>[2],
): Promise<unknown> {
  return bench.rejects(what, async () => await fn(), Class);
}
