import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  BrokenResourceError,
  BusyResourceError,
  CancelScope,
  ClosedResourceError,
  DeadlockError,
  moveOnAfter,
  openNursery,
  run,
  sleep,
} from "../../core/mod.ts";
import { currentRun, type StandardInput } from "../../core/lowlevel.ts";
import { MessageTooLongError } from "../../net/mod.ts";
import { simulate, simulated } from "../../testing/mod.ts";
import { openStdin, stdinLines } from "./stdin.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | null) => bytes === null ? null : new TextDecoder().decode(bytes);

Deno.test(
  "M5: what a test sends to stdin is received in its order and at its time, up to the end",
  simulated(async (sim) => {
    using stdin = openStdin();
    sim.background.startSoon(async () => {
      await sleep(100);
      sim.stdin.send("héllo");
      await sleep(100);
      const bytes = encode("later");
      sim.stdin.send(bytes);
      bytes.fill(0);
      sim.stdin.send("");
      sim.stdin.end();
      sim.stdin.end();
    });
    assertEquals([decode(await stdin.receiveSome()), sim.now], ["héllo", 100]);
    assertEquals([decode(await stdin.receiveSome(3)), sim.now], ["lat", 200]);
    const buffer = new Uint8Array(8);
    assertEquals([await stdin.receiveInto(buffer), decode(buffer.subarray(0, 2))], [2, "er"]);
    assertEquals([await stdin.receiveSome(), await stdin.receiveInto(buffer), sim.now], [null, null, 200]);
    assertThrows(() => sim.stdin.send("x"), TypeError, "it must not have ended: end() was called before");
    assertThrows(() => sim.stdin.send(5 as never), TypeError, '"data" must be a string or a Uint8Array: received 5');
  }),
);

Deno.test(
  "T1: a cancelled receive loses no byte, whenever it is cancelled",
  simulated(async (sim) => {
    using stdin = openStdin();
    sim.background.startSoon(async () => {
      for (let i = 0; i < 50; i++) {
        await sleep(3);
        sim.stdin.send(`${i},`);
      }
      sim.stdin.end();
    });
    let all = "";
    for (let over = false; !over;) {
      const { value } = await moveOnAfter(2, () => stdin.receiveSome(2));
      if (value === null) over = true;
      else if (value !== undefined) all += decode(value);
    }
    assertEquals(all, Array.from({ length: 50 }, (_, i) => `${i},`).join(""));
  }),
);

Deno.test(
  "T1: a byte that comes in the very moment of the cancellation is received or stays",
  simulated(async (sim) => {
    using stdin = openStdin();
    for (const first of ["send", "cancel"]) {
      const scope = new CancelScope();
      await openNursery(async (nursery) => {
        const task = nursery.startSoon(() => scope.run(async () => decode(await stdin.receiveSome())));
        await sim.settled();
        if (first === "send") sim.stdin.send("x");
        scope.cancel();
        if (first === "cancel") sim.stdin.send("x");
        const { value } = await task.join();
        assertEquals(value ?? decode(await stdin.receiveSome()), "x");
        assertEquals(value === undefined, first === "cancel");
      });
    }
  }),
);

Deno.test(
  "T1: one task at a time receives, over all streams; another one goes on where a closed one stopped",
  simulated(async (sim) => {
    const stdin = openStdin();
    using other = openStdin();
    sim.stdin.send("abc");
    assertEquals(decode(await stdin.receiveSome(1)), "a");
    stdin.close();
    stdin.close();
    await assertRejects(() => stdin.receiveSome(), ClosedResourceError, "Cannot receive as the stream is closed");
    assertEquals(decode(await other.receiveSome()), "bc");
    await openNursery(async (nursery) => {
      using third = openStdin();
      const waiting = nursery.startSoon(() =>
        assertRejects(() => third.receiveSome(), ClosedResourceError, "meanwhile")
      );
      await sim.settled();
      for (const busy of [third, other]) {
        await assertRejects(() => busy.receiveSome(), BusyResourceError, "another task is receiving from stdin");
      }
      third.close();
      await waiting.join();
    });
    sim.stdin.send("d");
    assertEquals(decode(await other.receiveSome()), "d");
    await other[Symbol.asyncDispose]();
    assertEquals(Deno.inspect(other), "Stdin { closed: true }");
  }),
);

Deno.test("T1: a wait for input that nobody sends is a deadlock in a simulation", async () => {
  const error = await assertRejects(() => simulate(() => openStdin().receiveSome()), DeadlockError);
  assertStringIncludes(error.message, "receive from stdin");
});

/** An input of the host that a test gives. */
class ManualInput implements StandardInput {
  next: () => Uint8Array | null | undefined = () => undefined;
  tell: (() => void) | null = null;
  readonly back: string[] = [];
  take() {
    return this.next();
  }
  putBack(bytes: Uint8Array) {
    this.back.push(decode(bytes)!);
  }
  wait(tell: () => void) {
    this.tell = tell;
    return () => void (this.tell = null);
  }
}

Deno.test("T1: input that cannot be read is broken, with the reason of the host", () => {
  const stdin = new ManualInput();
  const cause = new Error("I/O error");
  stdin.next = () => {
    throw cause;
  };
  return run(async () => {
    const error = await assertRejects(() => openStdin().receiveSome(), BrokenResourceError);
    assertEquals([error.message, error.cause], ["Cannot receive as stdin must be readable: it is not", cause]);
  }, { stdin, handleSignals: false });
});

Deno.test("T1: a task that waits is an operation of the host, and only then; told for nothing, it waits on", () => {
  const stdin = new ManualInput();
  return run(async () => {
    using stream = openStdin();
    const operations = () => currentRun().statistics().hostOperations;
    const received = stream.receiveSome();
    assertEquals(operations(), ["read stdin"]);
    stdin.tell!();
    assertEquals(operations(), ["read stdin"]);
    stdin.next = () => encode("x");
    stdin.tell!();
    assertEquals([operations(), decode(await received), stdin.tell], [[], "x", null]);
  }, { stdin, handleSignals: false });
});

Deno.test("T1: a buffer that was transferred meanwhile is refused, and what came stays", () => {
  const stdin = new ManualInput();
  return run(async () => {
    using stream = openStdin();
    const buffer = new Uint8Array(4);
    const received = stream.receiveInto(buffer);
    structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
    let taken = false;
    stdin.next = () => (taken = true, encode("x"));
    stdin.tell!();
    await assertRejects(() => received, TypeError, '"buffer" must stay as it is meanwhile');
    assert(!taken);
    await assertRejects(() => stream.receiveSome(0), RangeError, '"max"');
    await assertRejects(() => stream.receiveInto(new Uint8Array()), RangeError, '"buffer"');
  }, { stdin, handleSignals: false });
});

Deno.test(
  "stdinLines() gives lines with either end, and the last without one",
  simulated(async (sim) => {
    sim.stdin.send("one\r\ntwo\n\nlast \xff".replace("\xff", ""));
    sim.stdin.send(new Uint8Array([0xff]));
    sim.stdin.end();
    assertEquals(await Array.fromAsync(stdinLines()), ["one", "two", "", "last \ufffd"]);
    const over = stdinLines();
    for (let i = 0; i < 2; i++) assertEquals(await over.next(), { done: true, value: undefined });
  }),
);

Deno.test(
  "stdinLines() takes no byte beyond its last line, however its loop ends",
  simulated(async (sim) => {
    sim.stdin.send("one\ntwo\nthree\nfour\nfi");
    for await (const line of stdinLines()) if (line === "one") break;
    await assertRejects(
      async () => {
        for await (const line of stdinLines()) throw new Error(line);
      },
      Error,
      "two",
    );
    const lines = stdinLines();
    assertEquals((await lines.next()).value, "three");
    await lines.return!();
    assertEquals((await lines.next()).done, true);
    using stdin = openStdin();
    assertEquals(decode(await stdin.receiveSome()), "four\nfi");
  }),
);

Deno.test(
  "T1: a loop over lines that is cancelled in the middle of one loses no byte, and can go on",
  simulated(async (sim) => {
    const lines = stdinLines();
    sim.stdin.send("one\nha");
    const seen: string[] = [];
    const outcome = await moveOnAfter(10, async () => {
      for await (const line of lines) seen.push(line);
    });
    assert(outcome.cancelledCaught);
    assertEquals(seen, ["one"]);
    sim.stdin.send("lf\nnext");
    assertEquals((await lines.next()).value, "half");
    await lines.return!();
    using stdin = openStdin();
    assertEquals(decode(await stdin.receiveSome()), "next");
  }),
);

Deno.test(
  "stdinLines() puts lines together from parts of any size, at the limit exactly",
  simulated(async (sim) => {
    const text = "12345\r\n\r\n1234\r5\n\n12345\r\n123456";
    for (let size = 1; size < 8; size++) {
      for (let at = 0; at < text.length; at += size) sim.stdin.send(text.slice(at, at + size));
      const lines = stdinLines({ max: 5 });
      const next = async () => (await lines.next()).value;
      assertEquals([await next(), await next()], ["12345", ""]);
      await assertRejects(next, MessageTooLongError, "must be at most 5 bytes long");
      const longer = stdinLines({ max: 6 });
      assertEquals((await longer.next()).value, "1234\r5");
      assertEquals([await next(), await next()], ["", "12345"]);
      await assertRejects(next, MessageTooLongError);
      sim.stdin.send("\n");
      assertEquals((await longer.next()).value, "123456");
    }
    sim.stdin.send("123456");
    sim.stdin.end();
    await assertRejects(() => stdinLines({ max: 5 }).next(), MessageTooLongError);
    assertEquals((await stdinLines({ max: 6 }).next()).value, "123456");
    assertEquals((await stdinLines().next()).done, true);
  }),
);

Deno.test(
  "stdinLines() refuses a line that is too long, which stays where it is, and a second task",
  simulated(async (sim) => {
    sim.stdin.send("a line\nok");
    await assertRejects(() => stdinLines({ max: 5 }).next(), MessageTooLongError);
    assertEquals((await stdinLines({ max: 6 }).next()).value, "a line");
    sim.stdin.send("\r\n");
    const lines = stdinLines();
    assertEquals((await lines.next()).value, "ok");
    await openNursery(async (nursery) => {
      const first = nursery.startSoon(() => lines.next());
      await sim.settled();
      for (const other of [lines, stdinLines()]) {
        await assertRejects(() => other.next(), BusyResourceError, "another task is receiving from stdin");
      }
      sim.stdin.send("mine\n");
      assertEquals((await first.join()).value, "mine");
    });
    for (const [max, kind] of [[0, RangeError], [1.5, RangeError], ["5", TypeError]] as const) {
      assertThrows(() => stdinLines({ max: max as number }), kind, '"max"');
    }
    assertThrows(() => stdinLines(5 as never), TypeError, '"options"');
  }),
);
