/** The rules of one direction of a byte stream. Over 400 lines, as a list of rules is best read in one piece. */

import {
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  isCancelled,
  moveOnAfter,
} from "../../core/mod.ts";
import type { ReceiveStream, SendStream, TextSender } from "../../net/mod.ts";
import { firstWrong, pattern } from "./_byte_pattern.ts";
import { type Rule, show, textOf, type Trial } from "./_rules.ts";

/** The two ends of one direction. */
export interface Ends {
  readonly send: SendStream;
  readonly receive: ReceiveStream;
}

/** How often a rule about a race is tried, with the race going either way. */
const ROUNDS = 20;
/** How often sending to a closed peer is tried: over a network it takes a while to hear that it is gone. */
const SENDS_TO_NOBODY = 100;

/** One to four bytes a character, and half of one, for which U+FFFD stands. */
const TEXT = "aé→🍀\ud83c!";

const LOST = "bytes were lost: neither the cancelled receive nor the next one got them";

/** Makes the rules; those about a blocked sender only if `clog` bytes are sure to block one. */
export function oneWayRules(clog: number): readonly Rule<Ends>[] {
  return clog === 0 ? RULES : [...RULES, ...blockedSendRules(pattern(clog))];
}

const RULES: readonly Rule<Ends>[] = [
  {
    name: "bytes sent arrive complete and in order",
    async check(bench: Trial, { send, receive }) {
      const all = pattern(1_000);
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          for (const [from, to] of [[0, 1], [1, 3], [3, 500], [500, 1_000]]) await send.sendAll(all.subarray(from, to));
        });
        await requireNext(bench, receive, { size: 1_000 });
        await sending.value();
      });
    },
  },
  {
    name: "sending no bytes is harmless, and no receive sees it",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          await send.sendAll(new Uint8Array(0));
          await send.sendAll(pattern(1));
          await send.sendAll(new Uint8Array(0));
          await send.sendAll(pattern(1, 1));
        });
        await requireNext(bench, receive, { size: 2 });
        await sending.value();
      });
    },
  },
  {
    name: "sendText(), where there is one, sends UTF-8, and nothing that is no text",
    async check(bench: Trial, { send, receive }) {
      const sender = send as SendStream & Partial<TextSender>;
      if (sender.sendText === undefined) return;
      await bench.rejects("sendText() of bytes", () => sender.sendText?.(pattern(1) as never), TypeError);
      await bench.refuses("sendText()", () => (sender as unknown as TextSender).sendText("never sent"));
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          await sender.sendText?.("");
          await sender.sendText?.(TEXT);
        });
        const bytes = new TextEncoder().encode(TEXT);
        const got = new Uint8Array(bytes.length);
        for (let at = 0; at < got.length;) {
          const chunk = await receive.receiveSome(got.length - at);
          bench.require(chunk !== null, `it gave the end after ${at} of ${got.length} bytes`);
          got.set(chunk, at);
          at += chunk.length;
        }
        await sending.value();
        const wrong = got.findIndex((byte, index) => byte !== bytes[index]);
        bench.require(wrong === -1, `byte ${wrong} of the text is ${got[wrong]} instead of ${bytes[wrong]}`);
      });
    },
  },
  {
    name: "receiveSome() and receiveInto() give at least one byte and at most what was asked for",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const sending = start(() => send.sendAll(pattern(40)));
        for (let at = 0; at < 40;) {
          const chunk = at % 2 === 0 ? await receive.receiveSome(3) : await receiveIntoNew(bench, receive, 3);
          bench.require(chunk !== null, `it gave the end after ${at} of 40 bytes`);
          bench.require(
            chunk instanceof Uint8Array && chunk.length >= 1 && chunk.length <= 3,
            `asked for at most 3 bytes, it gave ${show(chunk)}`,
          );
          requirePattern(bench, chunk, at);
          at += chunk.length;
        }
        await sending.value();
      });
    },
  },
  {
    name: "receiveInto() writes into the buffer and nowhere else",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const sending = start(() => send.sendAll(pattern(8)));
        for (let at = 0; at < 8;) {
          const whole = new Uint8Array(12).fill(0xee);
          const size = await receive.receiveInto(whole.subarray(4, 8));
          bench.require(
            typeof size === "number" && size >= 1 && size <= 4,
            `it returned ${show(size)} for a buffer of 4 bytes`,
          );
          const around = [...whole.subarray(0, 4), ...whole.subarray(8)];
          bench.require(around.every((byte) => byte === 0xee), "it wrote outside of the buffer");
          requirePattern(bench, whole.subarray(4, 4 + size), at);
          at += size;
        }
        await sending.value();
      });
    },
  },
  {
    name: "bytes received belong to the receiver, and the buffer of a send that has returned to the sender",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          for (let at = 0; at < 40; at += 10) {
            const buffer = pattern(10, at);
            await send.sendAll(buffer);
            buffer.fill(0xee);
          }
        });
        const chunks: [at: number, chunk: Uint8Array][] = [];
        for (let at = 0; at < 40;) {
          const chunk = await receive.receiveSome(7);
          bench.require(chunk !== null, `it gave the end after ${at} of 40 bytes`);
          chunks.push([at, chunk]);
          at += chunk.length;
          // Whoever owns bytes may overwrite them.
          if (chunks.length % 2 === 0) chunks.pop()?.[1].fill(0xee);
        }
        await sending.value();
        for (const [at, chunk] of chunks) {
          bench.require(firstWrong(chunk, at) === -1, `${chunk.length} bytes received at ${at} changed afterwards`);
        }
      });
    },
  },
  {
    name: "bad arguments are refused before any effect",
    async check(bench: Trial, { send, receive }) {
      for (const max of [0, -1, 1.5, NaN]) {
        await bench.rejects(`receiveSome(${max})`, () => receive.receiveSome(max), RangeError);
      }
      await bench.rejects('receiveSome("1")', () => receive.receiveSome("1" as never), TypeError);
      await bench.rejects("receiveInto() an empty buffer", () => receive.receiveInto(new Uint8Array(0)), RangeError);
      await bench.rejects("receiveInto([])", () => receive.receiveInto([] as never), TypeError);
      await bench.rejects('sendAll("text")', () => send.sendAll("text" as never), TypeError);
      await bench.tasks(async (start) => {
        const sending = start(() => send.sendAll(pattern(3)));
        await requireNext(bench, receive, { size: 3 });
        await sending.value();
      });
    },
  },
  {
    name: "two receives at once are BusyResourceError, and the first one goes on",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const first = start(() => receive.receiveSome());
        await bench.settle();
        await requireBusy(bench, start(() => receive.receiveSome()), "a second receiveSome()");
        await requireBusy(bench, start(() => receive.receiveInto(new Uint8Array(1))), "receiveInto() meanwhile");
        const sending = start(() => send.sendAll(pattern(1)));
        const chunk = await first.value();
        bench.require(chunk?.length === 1 && firstWrong(chunk) === -1, `the first one received ${show(chunk)}`);
        await sending.value();
      });
    },
  },
  {
    name: "receiving from a closed stream is ClosedResourceError",
    async check(bench: Trial, { receive }) {
      receive.close();
      await bench.rejects("receiveSome()", () => receive.receiveSome(), ClosedResourceError);
      await bench.rejects("receiveInto()", () => receive.receiveInto(new Uint8Array(1)), ClosedResourceError);
    },
  },
  {
    name: "sending on a closed stream is ClosedResourceError, also no bytes",
    async check(bench: Trial, { send }) {
      send.close();
      await bench.rejects("sendAll()", () => send.sendAll(pattern(1)), ClosedResourceError);
      await bench.rejects("sendAll() of no bytes", () => send.sendAll(new Uint8Array(0)), ClosedResourceError);
    },
  },
  {
    name: "close() wakes a blocked receive with ClosedResourceError",
    async check(bench: Trial, { receive }) {
      await bench.tasks(async (start) => {
        const receiving = start(() => receive.receiveSome());
        await bench.settle();
        receive.close();
        await bench.failsWith("receiveSome()", receiving, ClosedResourceError);
      });
    },
  },
  {
    name: "closing again is harmless, also from three tasks at once and by dispose",
    async check(bench: Trial, ends) {
      for (const [name, end] of Object.entries(ends) as ["send" | "receive", SendStream | ReceiveStream][]) {
        const closeAgain = async (): Promise<void> => {
          end.close();
          end[Symbol.dispose]();
          await end[Symbol.asyncDispose]();
        };
        await bench.tasks(async (start) => {
          const closing = [closeAgain, closeAgain, closeAgain].map((close) => start(close));
          for (const attempt of closing) {
            const outcome = await attempt.end();
            if ("error" in outcome) bench.fail(`closing the ${name} end again threw ${textOf(outcome.error)}`);
          }
        });
        await requireClosed(bench, ends, name);
      }
    },
  },
  {
    name: "dispose closes",
    async check(bench: Trial, ends) {
      ends.send[Symbol.dispose]();
      ends.receive[Symbol.dispose]();
      await requireClosed(bench, ends, "send");
      await requireClosed(bench, ends, "receive");
    },
  },
  {
    name: "async dispose closes, also in a cancelled scope",
    async check(bench: Trial, ends) {
      await moveOnAfter(Infinity, async (scope) => {
        scope.cancel();
        for (const end of [ends.send, ends.receive]) {
          try {
            await end[Symbol.asyncDispose]();
          } catch (error) {
            if (isCancelled(error)) bench.fail("it threw Cancelled, which would wrap the error that leaves the block");
            throw error;
          }
        }
      });
      await requireClosed(bench, ends, "send");
      await requireClosed(bench, ends, "receive");
    },
  },
  {
    name: "what was sent before close() arrives, then the end, as often as one asks",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          await send.sendAll(pattern(500));
          send.close();
        });
        await requireNext(bench, receive, { size: 500 });
        await sending.value();
        await requireEnd(bench, receive);
      });
    },
  },
  {
    name: "iterating gives chunks until the end and does not close the stream",
    async check(bench: Trial, { send, receive }) {
      await bench.tasks(async (start) => {
        const sending = start(async () => {
          await send.sendAll(pattern(100));
          send.close();
        });
        let at = 0;
        for await (const chunk of receive) {
          requirePattern(bench, chunk, at);
          at += chunk.length;
        }
        bench.require(at === 100, `it ended after ${at} of 100 bytes`);
        await sending.value();
        await requireEnd(bench, receive);
      });
    },
  },
  {
    name: "sending after the receiver has closed ends in BrokenResourceError, and stays so",
    async check(bench: Trial, { send, receive }) {
      receive.close();
      await bench.rejects("sendAll()", async () => {
        for (let i = 0; i < SENDS_TO_NOBODY; i++) {
          await send.sendAll(pattern(100));
          await bench.settle();
        }
      }, BrokenResourceError);
      await bench.rejects("the next sendAll()", () => send.sendAll(pattern(1)), BrokenResourceError);
    },
  },
  {
    name: "a cancelled receive loses no byte",
    async check(bench: Trial, { send, receive }) {
      let at = 0;
      for (let round = 0; round < ROUNDS; round++) {
        // Blocked, cancelled, and only then bytes come.
        await requireCancelled(bench, receiverOf(receive, round));
        await bench.tasks(async (start) => {
          const sending = start(() => send.sendAll(pattern(5, at)));
          await bench.ends(LOST, start(() => requireNext(bench, receive, { size: 5, from: at })));
          await sending.value();
        });
        at += 5;
      }
    },
  },
  {
    name: "a receive that is cancelled as its bytes arrive returns them or leaves them",
    async check(bench: Trial, { send, receive }) {
      let at = 0;
      for (let round = 0; round < ROUNDS; round++) {
        await bench.tasks(async (start) => {
          let sending = null as null | { value(): Promise<void> };
          const outcome = await moveOnAfter(Infinity, async (scope) => {
            const receiving = receiverOf(receive, round)();
            receiving.catch(() => {});
            sending = start(() => send.sendAll(pattern(5, at)));
            // The sender runs in a microtask; so the cancellation comes at different moments of the handing over.
            for (let i = round % 10; i > 0; i--) await null;
            scope.cancel();
            return await receiving;
          });
          const got = outcome.cancelledCaught ? 0 : outcome.value?.length ?? 0;
          if (!outcome.cancelledCaught && outcome.value !== null) requirePattern(bench, outcome.value, at);
          await bench.ends(LOST, start(() => requireNext(bench, receive, { size: 5 - got, from: at + got })));
          await sending?.value();
        });
        at += 5;
      }
    },
  },
  {
    name: "operations in a cancelled scope refuse before any effect",
    async check(bench: Trial, { send, receive }) {
      await bench.refuses("sendAll()", () => send.sendAll(pattern(3).fill(0xee)));
      await bench.refuses("sendAll() of no bytes", () => send.sendAll(new Uint8Array(0)));
      await bench.tasks(async (start) => {
        const sending = start(() => send.sendAll(pattern(3)));
        await bench.settle();
        await bench.refuses("receiveSome() of bytes that are there", () => receive.receiveSome());
        await bench.refuses("receiveInto() of bytes that are there", () => receive.receiveInto(new Uint8Array(1)));
        await requireNext(bench, receive, { size: 3 });
        await sending.value();
      });
    },
  },
];

function blockedSendRules(bytes: Uint8Array): readonly Rule<Ends>[] {
  return [
    {
      name: "a sender waits for a receiver that does not receive, and goes on when it does",
      async check(bench: Trial, { send, receive }) {
        await bench.tasks(async (start) => {
          const sending = start(() => send.sendAll(bytes));
          await bench.settle();
          bench.require(sending.outcome === null, `it took ${bytes.length} bytes that nobody received`);
          await requireNext(bench, receive, { size: bytes.length });
          await sending.value();
        });
      },
    },
    {
      name: "two sends at once are BusyResourceError, and the first one goes on",
      async check(bench: Trial, { send, receive }) {
        await bench.tasks(async (start) => {
          const first = start(() => send.sendAll(bytes));
          await bench.settle();
          await requireBusy(bench, start(() => send.sendAll(pattern(1))), "a second sendAll()");
          await requireNext(bench, receive, { size: bytes.length });
          await first.value();
        });
      },
    },
    {
      name: "a cancelled send ends at once, has sent a beginning of its bytes, and the stream can be closed",
      async check(bench: Trial, { send, receive }) {
        await requireCancelled(bench, () => send.sendAll(bytes));
        send.close();
        const limit = bytes.length;
        for (let at = 0;;) {
          const chunk = await receive.receiveSome();
          if (chunk === null) break;
          requirePattern(bench, chunk, at);
          at += chunk.length;
          bench.require(at <= limit, `${at} bytes arrived of ${limit}`);
        }
      },
    },
    {
      name: "close() wakes a blocked send with ClosedResourceError",
      async check(bench: Trial, { send }) {
        await bench.tasks(async (start) => {
          const sending = start(() => send.sendAll(bytes));
          await bench.settle();
          send.close();
          await bench.failsWith("sendAll()", sending, ClosedResourceError);
        });
      },
    },
    {
      name: "the receiver closing wakes a blocked send with BrokenResourceError",
      async check(bench: Trial, { send, receive }) {
        await bench.tasks(async (start) => {
          const sending = start(() => send.sendAll(bytes));
          await bench.settle();
          receive.close();
          await bench.failsWith("sendAll()", sending, BrokenResourceError);
        });
      },
    },
  ];
}

/** Receives `size` bytes, which must be those from `from` on. */
export async function requireNext(
  bench: Trial,
  receive: ReceiveStream,
  { size, from = 0 }: { readonly size: number; readonly from?: number },
): Promise<void> {
  for (let at = 0; at < size;) {
    const chunk = await receive.receiveSome(size - at);
    bench.require(chunk !== null, `it gave the end after ${at} of ${size} bytes`);
    requirePattern(bench, chunk, from + at);
    at += chunk.length;
  }
}

/** Requires that bytes are those of their position. */
export function requirePattern(bench: Trial, bytes: Uint8Array, from: number): void {
  const wrong = firstWrong(bytes, from);
  bench.require(wrong === -1, `byte ${wrong} is not the one that was sent there: bytes were lost, doubled or swapped`);
}

/** Requires the end, by every way to receive. */
export async function requireEnd(bench: Trial, receive: ReceiveStream): Promise<void> {
  for (let i = 0; i < 2; i++) {
    const some = await receive.receiveSome();
    bench.require(some === null, `receiveSome() gave ${show(some)} after everything had been received`);
    const into = await receive.receiveInto(new Uint8Array(1));
    bench.require(into === null, `receiveInto() returned ${show(into)} after everything had been received`);
  }
}

/** Requires that an operation, which would block, ends by being cancelled. */
async function requireCancelled(bench: Trial, fn: () => Promise<unknown>): Promise<void> {
  let returned: unknown = undefined;
  const outcome = await moveOnAfter(Infinity, async (scope) => {
    const pending = fn();
    pending.catch(() => {});
    await bench.settle();
    scope.cancel();
    returned = await pending;
  });
  bench.require(outcome.cancelledCaught, `it returned ${show(returned)} where nothing could be done`);
}

async function requireClosed(bench: Trial, { send, receive }: Ends, name: "send" | "receive"): Promise<void> {
  if (name === "send") await bench.rejects("sendAll() after it", () => send.sendAll(pattern(1)), ClosedResourceError);
  else await bench.rejects("receiveSome() after it", () => receive.receiveSome(), ClosedResourceError);
}

async function requireBusy(
  bench: Trial,
  attempt: Parameters<Trial["failsWith"]>[1],
  what: string,
): Promise<void> {
  await bench.failsWith(what, attempt, BusyResourceError);
}

/** Both ways to receive by turns, with the same result. */
function receiverOf(receive: ReceiveStream, round: number): () => Promise<Uint8Array | null> {
  if (round % 2 === 0) return () => receive.receiveSome(5);
  return async () => {
    const buffer = new Uint8Array(5);
    const size = await receive.receiveInto(buffer);
    return size === null ? null : buffer.slice(0, size);
  };
}

async function receiveIntoNew(bench: Trial, receive: ReceiveStream, max: number): Promise<Uint8Array | null> {
  const buffer = new Uint8Array(max);
  const size = await receive.receiveInto(buffer);
  if (size === null) return null;
  bench.require(size >= 1 && size <= max, `receiveInto() returned ${show(size)} for a buffer of ${max} bytes`);
  return buffer.subarray(0, size);
}
