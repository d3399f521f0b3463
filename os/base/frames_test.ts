import { assertEquals, assertThrows } from "@std/assert";
import { FrameError, frameOf, FrameReader, MAX_MESSAGE } from "./frames.ts";

const payloads = [[], [1], [1, 2, 3], Array.from({ length: 1_000 }, (_, n) => n % 256)].map((each) =>
  new Uint8Array(each)
);
const all = new Uint8Array(payloads.flatMap((each) => [...frameOf(each)]));

Deno.test("W13: frames come out as they went in, however they are cut", () => {
  for (const size of [1, 2, 5, 6, 7, 100, all.length]) {
    const taken: Uint8Array[] = [];
    const reader = new FrameReader((payload) => taken.push(payload));
    for (let at = 0; at < all.length; at += size) reader.push(all.slice(at, at + size));
    assertEquals(taken, payloads, `in pieces of ${size}`);
  }
});

Deno.test("W13: what is no frame is refused at its first byte, with what was found", () => {
  const reader = new FrameReader(() => {});
  const error = assertThrows(() => reader.push(new TextEncoder().encode("hello")), FrameError);
  assertEquals(error.message, 'Its stdout must carry messages only: "hello" was written to it');
  const after = new FrameReader(() => {});
  assertThrows(() => after.push(new Uint8Array([...all, 10])), FrameError);
});

Deno.test("W13: a length beyond the limit is refused before there is memory for it", () => {
  const head = new Uint8Array([0xf7, 0xff, 0xff, 0xff, 0xff]);
  assertThrows(() => new FrameReader(() => {}).push(head), FrameError, `at most ${MAX_MESSAGE} bytes`);
});
