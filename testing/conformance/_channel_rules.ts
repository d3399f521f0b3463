/** The rules of a channel. Over 400 lines, as a list of rules is best read in one piece. */

import {
  BrokenResourceError,
  ClosedResourceError,
  EndOfChannel,
  isOnlyCancelled,
  moveOnAfter,
  WouldBlock,
} from "../../core/mod.ts";
import type { Attempt, Bench, Rule } from "./_rules.ts";
import { textOf } from "./_rules.ts";
import type { CheckedReceiveChannel, CheckedSendChannel } from "./check_channel.ts";

/** The two ends of a channel of numbers. */
export interface ChannelEnds {
  readonly send: CheckedSendChannel<number>;
  readonly receive: CheckedReceiveChannel<number>;
}

/** How often a rule about a race is tried, with the cancellation at a different moment. */
const ROUNDS = 20;
/** How many values stand for "any number" where nothing limits them. */
const MANY = 1_000;

const LOST = "a value was lost: neither the cancelled receive nor the next one got it";

/** Makes the rules for a channel that holds so many values. */
export function channelRules(capacity: number): readonly Rule<ChannelEnds>[] {
  return [...RULES, ...capacityRules(capacity), ...(capacity === Infinity ? [] : fullRules(capacity))];
}

const RULES: readonly Rule<ChannelEnds>[] = [
  {
    name: "values arrive once each, in the order in which they were sent",
    async check(bench: Bench, { send, receive }) {
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
    name: "with several senders and receivers each value arrives at one receiver, and none is lost",
    async check(bench: Bench, { send, receive }) {
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
            mine.close();
          }));
        }
        send.close();
        for (const attempt of attempts) await attempt.value();
        requireSame(bench, got.sort((a, b) => a - b), count(100));
      });
    },
  },
  {
    name: "who has waited longest to receive is served first",
    async check(bench: Bench, { send, receive }) {
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
    name: "trySend() gives a value to a blocked receiver",
    async check(bench: Bench, { send, receive }) {
      await bench.tasks(async (start) => {
        const receiving = start(() => receive.receive());
        await bench.settle();
        send.trySend(7);
        const value = await receiving.value();
        bench.require(value === 7, `the receiver got ${value} instead of 7`);
      });
    },
  },
  {
    name: "tryReceive() on an empty channel is WouldBlock",
    async check(bench: Bench, { receive }) {
      await throws(bench, "tryReceive()", () => receive.tryReceive(), WouldBlock);
    },
  },
  {
    name: "a cancelled receive loses no value",
    async check(bench: Bench, { send, receive }) {
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
    async check(bench: Bench, { send, receive }) {
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
    name: "a value that was handed over is received, though the receiver is cancelled right after",
    async check(bench: Bench, { send, receive }) {
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
    name: "operations in a cancelled scope refuse before any effect",
    async check(bench: Bench, { send, receive }) {
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
    name: "the channel ends when its last sender is closed, after the values on their way",
    async check(bench: Bench, { send, receive }) {
      const clone = send.clone();
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          await send.send(1);
          send.close();
          await clone.send(2);
          clone.close();
        });
        await requireNext(bench, receive, [1, 2]);
        await sending.value();
        for (let i = 0; i < 2; i++) await bench.rejects("receive()", () => receive.receive(), EndOfChannel);
        await throws(bench, "tryReceive()", () => receive.tryReceive(), EndOfChannel);
      });
    },
  },
  {
    name: "closing the last sender wakes every blocked receive with EndOfChannel",
    async check(bench: Bench, { send, receive }) {
      await bench.tasks(async (start) => {
        const receiving = [start(() => receive.receive()), start(() => receive.receive())];
        await bench.settle();
        send.close();
        for (const attempt of receiving) await bench.failsWith("receive()", attempt, EndOfChannel);
      });
    },
  },
  {
    name: "sending when the last receiver is closed is BrokenResourceError",
    async check(bench: Bench, { send, receive }) {
      receive.clone().close();
      receive.close();
      await bench.rejects("send()", () => send.send(1), BrokenResourceError);
      await throws(bench, "trySend()", () => send.trySend(1), BrokenResourceError);
    },
  },
  {
    name: "using a closed end is ClosedResourceError",
    async check(bench: Bench, { send, receive }) {
      send.clone();
      receive.clone();
      send.close();
      receive.close();
      await bench.rejects("send()", () => send.send(1), ClosedResourceError);
      await throws(bench, "trySend()", () => send.trySend(1), ClosedResourceError);
      await throws(bench, "clone() of a sender", () => send.clone(), ClosedResourceError);
      await bench.rejects("receive()", () => receive.receive(), ClosedResourceError);
      await throws(bench, "tryReceive()", () => receive.tryReceive(), ClosedResourceError);
      await throws(bench, "clone() of a receiver", () => receive.clone(), ClosedResourceError);
    },
  },
  {
    name: "close() wakes the receives blocked on that end with ClosedResourceError, and no others",
    async check(bench: Bench, { send, receive }) {
      const clone = receive.clone();
      await bench.tasks(async (start) => {
        const receiving = start(() => receive.receive());
        const other = start(() => clone.receive());
        await bench.settle();
        receive.close();
        await bench.failsWith("receive()", receiving, ClosedResourceError);
        bench.require(other.outcome === null, "the receive on a clone ended as well");
        await send.send(3);
        requireSame(bench, [await other.value()], [3]);
      });
    },
  },
  {
    name: "closing an end again, or disposing of it, is harmless and counts once",
    async check(bench: Bench, { send, receive }) {
      const sendClone = send.clone();
      const receiveClone = receive.clone();
      for (const end of [sendClone, receiveClone]) {
        end[Symbol.dispose]();
        end.close();
        end[Symbol.dispose]();
      }
      await bench.tasks(async (start) => {
        const sending = start(() => send.send(1));
        await requireNext(bench, receive, [1]);
        await sending.value();
      });
    },
  },
  {
    name: "iterating receives until the channel ends",
    async check(bench: Bench, { send, receive }) {
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          for (let i = 0; i < 5; i++) await send.send(i);
          send.close();
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
function capacityRules(capacity: number): readonly Rule<ChannelEnds>[] {
  const room = Math.min(capacity, MANY);
  return [{
    name: "a sender does not wait while there is room",
    async check(bench: Bench, { send, receive }) {
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          for (let i = 0; i < room; i++) await send.send(i);
        });
        await bench.settle();
        bench.require(sending.outcome !== null, `it waited, though there is room for ${capacity}`);
        await requireNext(bench, receive, count(room));
      });
    },
  }];
}

/** What holds when there is no more room. */
function fullRules(capacity: number): readonly Rule<ChannelEnds>[] {
  const fill = (send: CheckedSendChannel<number>): void => {
    for (let i = 0; i < capacity; i++) send.trySend(i);
  };
  return [
    {
      name: "trySend() without room is WouldBlock",
      async check(bench: Bench, { send, receive }) {
        fill(send);
        await throws(bench, "trySend()", () => send.trySend(-1), WouldBlock);
        for (let i = 0; i < capacity; i++) requireSame(bench, [receive.tryReceive()], [i]);
        await throws(bench, "tryReceive()", () => receive.tryReceive(), WouldBlock);
      },
    },
    {
      name: "a sender without room waits, and blocked senders go on in their order",
      async check(bench: Bench, { send, receive }) {
        fill(send);
        await bench.tasks(async (start) => {
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
      name: "tryReceive() takes the value of a blocked sender",
      async check(bench: Bench, { send, receive }) {
        fill(send);
        await bench.tasks(async (start) => {
          const sending = start(() => send.send(capacity));
          await bench.settle();
          const got: number[] = [];
          for (let i = 0; i <= capacity; i++) got.push(receive.tryReceive());
          requireSame(bench, got, count(capacity + 1));
          await sending.value();
        });
      },
    },
    {
      name: "a cancelled send has sent nothing",
      async check(bench: Bench, { send, receive }) {
        fill(send);
        const outcome = await moveOnAfter(Infinity, async (scope) => {
          const sending = send.send(-1);
          sending.catch(() => {});
          await bench.settle();
          scope.cancel();
          await sending;
        });
        bench.require(outcome.cancelledCaught, "it returned, though there is no room");
        await bench.tasks(async (start) => {
          const sending = start(() => send.send(capacity));
          await requireNext(bench, receive, count(capacity + 1));
          await sending.value();
        });
      },
    },
    {
      name: "a send whose value was taken returns, though it is cancelled right after",
      async check(bench: Bench, { send, receive }) {
        fill(send);
        const got: number[] = [];
        let error: unknown = null;
        await moveOnAfter(Infinity, async (scope) => {
          const sending = send.send(capacity);
          sending.catch(() => {});
          await bench.settle();
          for (let i = 0; i <= capacity; i++) got.push(receive.tryReceive());
          scope.cancel();
          await sending.catch((thrown) => error = thrown);
        });
        requireSame(bench, got, count(capacity + 1));
        if (error !== null) {
          bench.fail(isOnlyCancelled(error) ? "it threw Cancelled: who sends it again doubles it" : textOf(error));
        }
      },
    },
    {
      name: "closing the last receiver wakes every blocked send with BrokenResourceError",
      async check(bench: Bench, { send, receive }) {
        fill(send);
        await bench.tasks(async (start) => {
          const sending = [start(() => send.send(1)), start(() => send.send(2))];
          await bench.settle();
          receive.close();
          for (const attempt of sending) await bench.failsWith("send()", attempt, BrokenResourceError);
        });
      },
    },
    {
      name: "close() wakes the sends blocked on that end with ClosedResourceError, and no others",
      async check(bench: Bench, { send, receive }) {
        fill(send);
        const clone = send.clone();
        await bench.tasks(async (start) => {
          const sending = start(() => send.send(-1));
          const other = start(() => clone.send(capacity));
          await bench.settle();
          send.close();
          await bench.failsWith("send()", sending, ClosedResourceError);
          bench.require(other.outcome === null, "the send on a clone ended as well");
          await requireNext(bench, receive, count(capacity + 1));
          await other.value();
        });
      },
    },
  ];
}

function count(size: number): number[] {
  return Array.from({ length: size }, (_, i) => i);
}

async function requireNext(
  bench: Bench,
  receive: CheckedReceiveChannel<number>,
  expected: readonly number[],
): Promise<void> {
  for (const value of expected) {
    const got = await receive.receive();
    bench.require(got === value, `value ${got} arrived where ${value} was due: values were lost, doubled or swapped`);
  }
}

function requireSame(bench: Bench, got: readonly unknown[], expected: readonly number[]): void {
  bench.require(
    got.length === expected.length && got.every((value, i) => value === expected[i]),
    `the values were ${got.join(", ")} instead of ${expected.join(", ")}`,
  );
}

/** As `rejects`, for functions that throw. */
function throws(
  bench: Bench,
  what: string,
  fn: () => unknown,
  Class: Parameters<Bench["rejects"]>[2],
): Promise<unknown> {
  return bench.rejects(what, async () => await fn(), Class);
}
