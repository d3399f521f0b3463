import { assert, assertEquals } from "@std/assert";
import { Drain } from "./_drain.ts";

Deno.test("P4: the time in which a pipe is idle is added up over all waits", () => {
  const drain = new Drain(250);
  assertEquals(drain.left, 250);
  for (let i = 1; i <= 5; i++) {
    assert(drain.taken(10));
    drain.waited(50);
    assertEquals(drain.left, 250 - i * 50);
  }
  drain.waited(50);
  assertEquals(drain.left, 0);
});

Deno.test("P4: when the time is used up, what is ready is taken, but no more than fits into a pipe", () => {
  const drain = new Drain(0);
  assert(drain.taken(1024 * 1024 - 1));
  assert(!drain.taken(1));
  const patient = new Drain(Infinity);
  patient.waited(1e12);
  assertEquals(patient.left, Infinity);
  for (let i = 0; i < 100; i++) assert(patient.taken(1024 * 1024));
});
