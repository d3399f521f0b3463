import {
  checkHalfCloseableStream,
  checkOneWayStream,
  lockstepStreamPair,
  memoryStreamOneWayPair,
  memoryStreamPair,
} from "../mod.ts";

Deno.test("memory streams keep the rules of a one-way stream", (t) =>
  checkOneWayStream(t, () => memoryStreamOneWayPair({ capacity: 700 }), { clog: 5_000 }));

Deno.test("memory streams keep the rules of a half-closeable stream", (t) =>
  checkHalfCloseableStream(t, () => memoryStreamPair()));

Deno.test("memory streams keep the rules with tiny buffers and random chunks", (t) =>
  checkHalfCloseableStream(t, () => memoryStreamPair({ capacity: 100, chunk: 64 }), { clog: 5_000 }));

Deno.test("lockstep streams keep the rules of a half-closeable stream", (t) =>
  checkHalfCloseableStream(t, () => lockstepStreamPair(), { clog: 1 }));
