import { assert, assertEquals } from "@std/assert";
import { Lines, OutputTooLong, sinkFor } from "./_sinks.ts";
import { Tail } from "./_tail.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** It is no `Error`, as it never leaves the library. */
function thrownBy(fn: () => unknown): unknown {
  try {
    return fn();
  } catch (error) {
    return error;
  }
}

/** The lines of bytes, in pieces of a size. */
function linesOf(bytes: Uint8Array, size: number): string[] {
  const lines: string[] = [];
  const sink = new Lines((line) => lines.push(line));
  for (let at = 0; at < bytes.length; at += size) sink.take(bytes.subarray(at, at + size));
  sink.end();
  return lines;
}

Deno.test("Lines: wherever the chunks are cut, the lines are the same", () => {
  const text = "one\ntwo\r\n\nžluťoučký 🐎\nlast";
  for (const size of [1, 2, 3, 7, 1_000]) {
    assertEquals(linesOf(encode(text), size), ["one", "two", "", "žluťoučký 🐎", "last"]);
  }
  assertEquals(linesOf(encode("a\n"), 1), ["a"]);
  assertEquals(linesOf(new Uint8Array(0), 1), []);
  assertEquals(linesOf(new Uint8Array([0xff, 0x0a, 0xe2, 0x82]), 1), ["\ufffd", "\ufffd"]);
});

Deno.test("Lines: one that is too long comes in pieces, which cut through no character", () => {
  const most = 64 * 1024;
  assertEquals(linesOf(encode("x".repeat(most) + "\ny"), 1_000).map(({ length }) => length), [most, 1]);
  assertEquals(linesOf(encode("x".repeat(2 * most + 5)), 4_096).map(({ length }) => length), [most, most, 5]);
  const pieces = linesOf(encode("x".repeat(most - 1) + "🐎z\n"), 4_096);
  assertEquals(pieces.map(({ length }) => length), [most - 1, 3]);
  assertEquals(pieces[1], "🐎z");
});

Deno.test("a collector keeps what it may, and says that there was more", () => {
  const sink = sinkFor("stdout", "text", { maxOutput: 5 });
  sink.take(encode("abc"));
  const error = thrownBy(() => sink.take(encode("defg")));
  assert(error instanceof OutputTooLong);
  assertEquals([error.pipe, sink.result], ["stdout", "abcde"]);
  const exact = sinkFor("stderr", "bytes", { maxOutput: 3 });
  exact.take(encode("abc"));
  assertEquals(exact.result, encode("abc"));
  assert(thrownBy(() => exact.take(encode("d"))) instanceof OutputTooLong);
});

Deno.test("Tail keeps the last bytes, beginning with a whole line", () => {
  const tail = new Tail(10);
  assertEquals(tail.text, "");
  tail.take(encode("short\n"));
  assertEquals(tail.text, "short\n");
  for (let i = 0; i < 100; i++) tail.take(encode(`line ${i % 10}\n`));
  assertEquals(tail.text, "line 9\n");
  const unbroken = new Tail(4);
  unbroken.take(encode("abcdefghijkl"));
  assertEquals(unbroken.text, "ijkl");
});
