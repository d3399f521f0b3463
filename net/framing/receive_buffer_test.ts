import { assert, assertEquals } from "@std/assert";
import { ReceiveBuffer } from "./_receive_buffer.ts";

const MOST = 1024 * 1024;

/** A buffer of 32 KiB with 20 KiB in it. */
function filled(): ReceiveBuffer {
  const buffer = new ReceiveBuffer();
  buffer.landed(buffer.lend(MOST).fill(1).length);
  buffer.lend(MOST).fill(2, 0, 12 * 1024);
  buffer.landed(12 * 1024);
  assertEquals([buffer.size, buffer.bytes.length], [20 * 1024, 32 * 1024]);
  return buffer;
}

Deno.test("ReceiveBuffer.take() hands over the memory that is mostly the message, but none that is on loan", () => {
  const free = filled();
  const memory = free.bytes.buffer;
  assertEquals(free.take(20 * 1024).buffer, memory);

  const onLoan = filled();
  const lent = onLoan.lend(MOST);
  const taken = onLoan.take(20 * 1024);
  assert(taken.buffer !== lent.buffer);
  assertEquals([taken[0], taken.at(-1)], [1, 2]);

  const small = filled();
  const large = small.bytes.buffer;
  small.skip(8 * 1024);
  assert(small.take(12 * 1024).buffer !== large);
});

Deno.test("ReceiveBuffer.lend() never lends more than may be held, and a larger piece to those who send much", () => {
  const buffer = new ReceiveBuffer();
  assertEquals(buffer.lend(1_000).length, 1_000);
  buffer.landed(400);
  assertEquals(buffer.lend(1_000).length, 600);
  buffer.landed(600);
  buffer.skip(1_000);
  assertEquals(buffer.lend(MOST).length, 32 * 1024);
});
