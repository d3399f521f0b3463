/** The rules of a stream in both directions, and of one that can be half-closed, beyond those of each direction. */

import { BrokenResourceError, BusyResourceError, ClosedResourceError, moveOnAfter, sleep } from "../../core/mod.ts";
import type { HalfCloseableStream, ReceiveStream, SendStream, Stream } from "../../net/mod.ts";
import { pattern } from "./_byte_pattern.ts";
import type { Rule, Trial } from "./_rules.ts";
import { requireEnd, requireNext, requirePattern } from "./_one_way_rules.ts";
import { seededRandom } from "../driver/random.ts";

/** How much goes each way in the rule about both at once: more than sockets and buffers hold. */
const MUCH = 1 << 20;
/** The largest piece it is sent and received in. */
const PIECE = 16_384;

/** Makes the rules; those about a blocked sender only if `clog` bytes are sure to block one. */
export function twoWayRules(clog: number): readonly Rule<readonly [Stream, Stream]>[] {
  const rules: Rule<readonly [Stream, Stream]>[] = [
    {
      name: "one task may send while another receives",
      async check(bench: Trial, [a, b]) {
        await bench.tasks(async (start) => {
          const receiving = start(() => a.receiveSome());
          await bench.settle();
          const sending = start(() => a.sendAll(pattern(3)));
          await requireNext(bench, b, { size: 3 });
          await sending.value();
          bench.require(receiving.outcome === null, "the receive ended, though nothing was sent to it");
          const answering = start(() => b.sendAll(pattern(1)));
          await receiving.value();
          await answering.value();
        });
      },
    },
    {
      name: "1 MiB both ways at once arrives intact, in random pieces, with receives cancelled on the way",
      async check(bench: Trial, [a, b]) {
        const data = pattern(MUCH);
        await bench.tasks(async (start) => {
          const attempts = [
            start(() => sendInPieces(a, data, 1)),
            start(() => sendInPieces(b, data, 2)),
            start(() => receiveInPieces(bench, a, 3)),
            start(() => receiveInPieces(bench, b, 4)),
          ];
          for (const attempt of attempts) await attempt.value();
        });
      },
    },
    {
      name: "close() ends both directions",
      async check(bench: Trial, [a, b]) {
        a.close();
        await bench.rejects("sendAll() after it", () => a.sendAll(pattern(1)), ClosedResourceError);
        await bench.rejects("receiveSome() after it", () => a.receiveSome(), ClosedResourceError);
        await requireEnd(bench, b);
      },
    },
  ];
  if (clog > 0) {
    rules.push({
      name: "close() wakes a blocked send and a blocked receive with ClosedResourceError",
      async check(bench: Trial, [a]) {
        await bench.tasks(async (start) => {
          const receiving = start(() => a.receiveSome());
          const sending = start(() => a.sendAll(pattern(clog)));
          await bench.settle();
          a.close();
          await bench.failsWith("receiveSome()", receiving, ClosedResourceError);
          await bench.failsWith("sendAll()", sending, ClosedResourceError);
        });
      },
    });
  }
  return rules;
}

/** Makes the rules about `sendEof()`. */
export function halfCloseRules(clog: number): readonly Rule<readonly [HalfCloseableStream, HalfCloseableStream]>[] {
  const rules: Rule<readonly [HalfCloseableStream, HalfCloseableStream]>[] = [
    {
      name: "sendEof() ends what the peer receives, after what was sent, and the way back stays open",
      async check(bench: Trial, [a, b]) {
        await bench.tasks(async (start) => {
          const sending = start(async () => {
            await a.sendAll(pattern(500));
            await a.sendEof();
          });
          await requireNext(bench, b, { size: 500 });
          await requireEnd(bench, b);
          await sending.value();
          const answering = start(async () => {
            await b.sendAll(pattern(500));
            await b.sendEof();
          });
          await requireNext(bench, a, { size: 500 });
          await requireEnd(bench, a);
          await answering.value();
        });
      },
    },
    {
      name: "sendEof() wakes a blocked receive of the peer with the end",
      async check(bench: Trial, [a, b]) {
        await bench.tasks(async (start) => {
          const receiving = start(() => b.receiveSome());
          await bench.settle();
          await a.sendEof();
          const chunk = await receiving.value();
          bench.require(chunk === null, `the peer received ${chunk?.length} bytes`);
        });
      },
    },
    {
      name: "sending after sendEof() is ClosedResourceError, also no bytes",
      async check(bench: Trial, [a]) {
        await a.sendEof();
        await bench.rejects("sendAll()", () => a.sendAll(pattern(1)), ClosedResourceError);
        await bench.rejects("sendAll() of no bytes", () => a.sendAll(new Uint8Array(0)), ClosedResourceError);
      },
    },
    {
      name: "sendEof() again is harmless",
      async check(bench: Trial, [a, b]) {
        await a.sendEof();
        await a.sendEof();
        await requireEnd(bench, b);
      },
    },
    {
      name: "sendEof() on a closed stream is ClosedResourceError",
      async check(bench: Trial, [a]) {
        a.close();
        await bench.rejects("sendEof()", () => a.sendEof(), ClosedResourceError);
      },
    },
    {
      name: "sendEof() in a cancelled scope refuses before any effect",
      async check(bench: Trial, [a, b]) {
        await bench.refuses("sendEof()", () => a.sendEof());
        await bench.tasks(async (start) => {
          const sending = start(() => a.sendAll(pattern(3)));
          await requireNext(bench, b, { size: 3 });
          await sending.value();
        });
      },
    },
  ];
  if (clog > 0) {
    rules.push({
      name: "sendEof() during a blocked send is BusyResourceError",
      async check(bench: Trial, [a, b]) {
        await bench.tasks(async (start) => {
          const sending = start(() => a.sendAll(pattern(clog)));
          await bench.settle();
          await bench.rejects("sendEof()", () => a.sendEof(), BusyResourceError);
          b.close();
          await bench.failsWith("the blocked sendAll()", sending, BrokenResourceError);
        });
      },
    });
  }
  return rules;
}

async function sendInPieces(stream: SendStream, data: Uint8Array, seed: number): Promise<void> {
  const random = seededRandom(seed);
  for (let at = 0; at < data.length;) {
    const size = 1 + Math.floor(random() * PIECE);
    await stream.sendAll(data.subarray(at, at + size));
    at += size;
  }
}

async function receiveInPieces(bench: Trial, stream: ReceiveStream, seed: number): Promise<void> {
  const random = seededRandom(seed);
  let at = 0;
  for (let round = 1; at < MUCH; round++) {
    // A stream that gives a few bytes at a time is slow, no livelock: let a simulation see time pass.
    if (round % 500 === 0) await sleep(1);
    const max = 1 + Math.floor(random() * PIECE);
    // Every third or so is cancelled, before the operation or while it waits.
    const cancelAfter = random() < 0.3 ? Math.floor(random() * 4) : -1;
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      if (cancelAfter === 0) scope.cancel();
      const receiving = stream.receiveSome(max);
      receiving.catch(() => {});
      for (let i = 1; i < cancelAfter; i++) await null;
      if (cancelAfter > 0) scope.cancel();
      return await receiving;
    });
    if (outcome.cancelledCaught) continue;
    const chunk = outcome.value;
    bench.require(chunk !== null, `it gave the end after ${at} of ${MUCH} bytes`);
    requirePattern(bench, chunk, at);
    at += chunk.length;
  }
}
