import { assertEquals } from "@std/assert";
import { moveOnAfter } from "../../core/mod.ts";
import { simulate } from "../../testing/mod.ts";
import { BufferedReceiver } from "./buffered_receiver.ts";
import { MessageTooLongError } from "./framing_errors.ts";
import { ScriptedReceiveStream, type Step } from "../_fixtures/memory_streams.ts";

type Random = () => number;

/** A whole number from 0 up to `below`. */
function pick(random: Random, below: number): number {
  return Math.floor(random() * below);
}

/** Text with many delimiters, some of them cut off, and some long runs. */
function message(random: Random, ...more: string[]): Uint8Array {
  const parts = [
    ...more,
    "\n",
    "\r\n",
    "\r",
    "a",
    "bc",
    "|",
    "||",
    "x".repeat(pick(random, 200)),
    "0123456789",
  ];
  let text = "";
  for (let left = pick(random, 25); left > 0; left--) text += parts[pick(random, parts.length)];
  return new TextEncoder().encode(`${text}.`);
}

/** The message in pieces of random size, with random pauses between. */
function script(data: Uint8Array, random: Random): Step[] {
  const steps: Step[] = [];
  const largest = 1 + pick(random, 2) * pick(random, 100);
  for (let at = 0; at < data.length;) {
    if (random() < 0.2) steps.push({ wait: 1 + pick(random, 3) });
    const size = 1 + pick(random, largest);
    steps.push(data.slice(at, at + size));
    at += size;
  }
  return steps;
}

const LINE_FEED = 10;

/** Receives in random ways, cancelled at random moments, until the end; returns all bytes as they came. */
async function receiveAll(stream: BufferedReceiver, random: Random): Promise<number[]> {
  const got: number[] = [];
  const encoder = new TextEncoder();
  while (true) {
    const kind = pick(random, 6);
    const size = 1 + pick(random, 30);
    const max = pick(random, 100);
    const some = 1 + pick(random, 8);
    const outcome = await moveOnAfter(random() < 0.5 ? pick(random, 4) : Infinity, async () => {
      if (kind === 0) got.push(...await stream.receiveExactly(size));
      else if (kind === 1) got.push(...await stream.receiveUntil("|", { max }), "|".charCodeAt(0));
      else if (kind === 2) {
        const part = await stream.receiveSome(size);
        if (part === null) return true;
        got.push(...part);
      } else if (kind === 3) {
        const buffer = new Uint8Array(size);
        const count = await stream.receiveInto(buffer);
        if (count === null) return true;
        got.push(...buffer.subarray(0, count));
      } else if (kind === 4) {
        const seen = await stream.peek(size);
        const taken = await stream.receiveExactly(seen.length);
        assertEquals(taken, seen);
        got.push(...taken);
      } else {
        let left = some;
        for await (const line of stream.lines({ max })) {
          got.push(...encoder.encode(line), LINE_FEED);
          if (--left === 0) break;
        }
      }
      return false;
    }).catch((error) => {
      // Nothing is taken by an operation that fails, so another one goes on.
      if (error instanceof MessageTooLongError || error.name === "IncompleteReceiveError") return undefined;
      throw error;
    });
    if (outcome?.value === true) return got;
  }
}

/** Carriage returns before line feeds are not given back by `lines()`, and the last line gets a line feed. */
function normal(data: Iterable<number>): string {
  return new TextDecoder().decode(new Uint8Array(data)).replaceAll(/\r*\n/g, "\n").replace(/\n$/, "");
}

Deno.test("10,000 seeded runs of random chunks, operations and cancellations: all bytes, in order", async () => {
  for (let seed = 0; seed < 10_000; seed += 100) {
    await simulate(async (sim) => {
      for (let run = 0; run < 100; run++) {
        const data = message(sim.random);
        using stream = new BufferedReceiver(new ScriptedReceiveStream(...script(data, sim.random)));
        const got = await receiveAll(stream, sim.random);
        assertEquals(normal(got), normal(data), `seed ${seed}, run ${run}`);
      }
    }, { seed, maxStepsAtOneInstant: 1e9 });
  }
});

Deno.test("2,000 seeded runs: lines are those of the text, however it is cut and however often cancelled", async () => {
  for (let seed = 0; seed < 2_000; seed += 100) {
    await simulate(async (sim) => {
      for (let run = 0; run < 100; run++) {
        const data = message(sim.random, "grün", "→", "🎉");
        using stream = new BufferedReceiver(new ScriptedReceiveStream(...script(data, sim.random)));
        const expected = new TextDecoder("utf-8", { ignoreBOM: true }).decode(data).split(/\r?\n/);
        if (expected.at(-1) === "") expected.pop();
        const got: string[] = [];
        const lines = stream.lines();
        for (let over = false; !over;) {
          const timeout = sim.random() < 0.5 ? pick(sim.random, 4) : Infinity;
          const outcome = await moveOnAfter(timeout, async () => {
            if (sim.random() < 0.3) {
              const line = await stream.receiveLine();
              if (line === null) return true;
              got.push(line);
              return false;
            }
            const { done, value } = await lines.next();
            if (!done) got.push(value);
            return done === true;
          });
          over = outcome.value === true;
        }
        assertEquals(got, expected, `seed ${seed}, run ${run}`);
      }
    }, { seed, maxStepsAtOneInstant: 1e9 });
  }
});
