import {
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  currentTime,
  moveOnAfter,
  openNursery,
  sleep,
} from "../../core/mod.ts";
import { scriptedStream, ScriptError, simulate, simulated } from "../mod.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | null) => bytes === null ? null : new TextDecoder().decode(bytes);

async function messageOf(fn: () => unknown): Promise<[message: string, step: number]> {
  const error = await Promise.try(fn).catch((error) => error);
  assertInstanceOf(error, ScriptError);
  return [error.message, error.step];
}

Deno.test(
  "scriptedStream() takes text as UTF-8",
  simulated(async () => {
    const stream = scriptedStream().expect("Grüße");
    await stream.sendText("Gr");
    await stream.sendText("üße");
    stream.close();
    await assertRejects(
      () => stream.sendText(1 as never),
      TypeError,
      'Cannot send as "text" must be a string: received 1',
    );
  }),
);

Deno.test(
  "scriptedStream() plays a dialogue, whatever the pieces",
  simulated(async () => {
    const stream = scriptedStream().expect("one").reply("1").expect("two").expect("three").reply("2").reply("3").eof();
    await stream.sendAll(encode("o"));
    await stream.sendAll(encode("n"));
    await stream.sendAll(encode("etwoth"));
    assertEquals(decode(await stream.receiveSome()), "1");
    await stream.sendAll(encode("ree"));
    const got: (string | null)[] = [];
    for await (const chunk of stream) got.push(decode(chunk));
    assertEquals(got, ["2", "3"]);
    assertEquals([await stream.receiveSome(), await stream.receiveInto(new Uint8Array(1))], [null, null]);
    await stream.sendEof();
    await stream.sendEof();
    stream.done();
    stream.close();
    stream.close();
    await stream[Symbol.asyncDispose]();
  }),
);

Deno.test(
  "scriptedStream() gives at most what was asked for, and keeps the rest",
  simulated(async () => {
    using stream = scriptedStream().reply("hello");
    assertEquals(decode(await stream.receiveSome(2)), "he");
    const buffer = new Uint8Array(2);
    assertEquals([await stream.receiveInto(buffer), decode(buffer)], [2, "ll"]);
    assertEquals(decode(await stream.receiveSome()), "o");
  }),
);

Deno.test(
  "a mismatch shows the step, the byte and both sides, and stays",
  simulated(async () => {
    const stream = scriptedStream().reply("hi").expect("HELO a\r\n");
    await stream.sendAll(encode("HE"));
    const expected: [string, number] = [
      [
        "Cannot go on as the script must be followed: step 2 expects other bytes: byte 2 differs",
        '  expected: 48 45 4c 4f 20 61 0d 0a  "HELO a\\r\\n"',
        '  sent:     48 45 58 58              "HEXX"',
        "                  ^^",
      ].join("\n"),
      2,
    ];
    assertEquals(await messageOf(() => stream.sendAll(encode("XX"))), expected);
    for (
      const operation of [
        () => stream.sendAll(encode("LO a\r\n")),
        () => stream.sendAll(new Uint8Array(0)),
        () => stream.receiveSome(),
        () => stream.sendEof(),
        () => stream.done(),
      ]
    ) {
      assertEquals(await messageOf(operation), expected);
    }
    // It was thrown already: closing does not hide the error on its way with another.
    stream.close();
    assertEquals(await messageOf(() => stream.done()), expected);
  }),
);

Deno.test(
  "a mismatch far inside shows what is around it",
  simulated(async () => {
    using stream = scriptedStream().expect(new Uint8Array(100));
    const sent = new Uint8Array(70);
    sent[50] = 255;
    assertEquals((await messageOf(() => stream.sendAll(sent)))[0].split("\n"), [
      "Cannot go on as the script must be followed: step 1 expects other bytes: byte 50 differs",
      "  from byte 42:",
      `  expected: ${"00 ".repeat(32)} ${JSON.stringify("\0".repeat(32))} ... 26 more`,
      `  sent:     ${"00 ".repeat(8)}ff ${"00 ".repeat(19)}${" ".repeat(12)} ${
        JSON.stringify(`${"\0".repeat(8)}\ufffd${"\0".repeat(19)}`)
      }`,
      `${" ".repeat(12 + 24)}^^`,
    ]);
  }),
);

Deno.test(
  "sending more than the script, ending before it, and receiving after it are errors",
  simulated(async () => {
    using stream = scriptedStream().expect("a");
    assertEquals(await messageOf(() => stream.sendAll(encode("ab"))), [
      'Cannot go on as the script must be followed: it has ended after 1 steps: 1 bytes more were sent\n  sent: 62  "b"',
      2,
    ]);
    using early = scriptedStream().expect("a").reply("b").expect("c");
    await early.sendAll(encode("a"));
    assertEquals(await messageOf(() => early.sendEof()), [
      "Cannot go on as the script must be followed: step 3 expects bytes: sendEof() was called before they were sent",
      3,
    ]);
    using late = scriptedStream().reply("a");
    await late.receiveSome();
    assertEquals(await messageOf(() => late.receiveSome()), [
      "Cannot go on as the script must be followed: it has ended after 1 steps: a receive would wait for ever; add reply() or eof()",
      2,
    ]);
  }),
);

Deno.test(
  "what is left of the script is an error of close() and done()",
  simulated(async () => {
    const untouched = scriptedStream().expect("hello");
    assertEquals(await messageOf(() => untouched.done()), [
      'Cannot go on as the script must be followed: step 1 of 1 did not happen: it expects 5 bytes, of which 0 were sent\n  left: 68 65 6c 6c 6f  "hello"',
      1,
    ]);
    await untouched.sendAll(encode("hel"));
    assertEquals(await messageOf(() => untouched.close()), [
      'Cannot go on as the script must be followed: step 1 of 1 did not happen: it expects 5 bytes, of which 3 were sent\n  left: 6c 6f  "lo"',
      1,
    ]);
    untouched.close();

    const unread = scriptedStream().reply("hello").eof();
    await unread.receiveSome(4);
    assertEquals(await messageOf(() => unread[Symbol.asyncDispose]()), [
      'Cannot go on as the script must be followed: the reply of step 1 was not received: 1 bytes are left\n  left: 6f  "o"',
      1,
    ]);
    await assertRejects(() => unread.receiveSome(), ClosedResourceError);

    const waiting = scriptedStream().wait(10).eof();
    assertEquals(await messageOf(() => waiting.close()), [
      "Cannot go on as the script must be followed: step 1 of 2 did not happen: wait()",
      1,
    ]);
  }),
);

Deno.test(
  "wait() counts from the end of the step before, for both directions",
  simulated(async () => {
    const stream = scriptedStream().wait(100).reply("a").wait(50).expect("b").wait(5).reply("c");
    await sleep(1_000);
    assertEquals(decode(await stream.receiveSome()), "a");
    assertEquals(currentTime(), 1_100);
    await stream.sendAll(encode("b"));
    assertEquals(currentTime(), 1_150);
    await sleep(3);
    assertEquals(decode(await stream.receiveSome()), "c");
    assertEquals(currentTime(), 1_155);
    // Steps that are added later count from then.
    await sleep(10);
    stream.wait(7).eof();
    assertEquals(await stream.receiveSome(), null);
    assertEquals(currentTime(), 1_172);
    stream.close();
  }),
);

Deno.test(
  "a blocked receive goes on when the other task sends what is expected",
  simulated(() =>
    openNursery(async (nursery) => {
      using stream = scriptedStream().expect("ping").reply("pong");
      const receiving = nursery.startSoon(() => stream.receiveSome());
      await sleep(1);
      await stream.sendAll(encode("ping"));
      assertEquals(decode(await receiving.join()), "pong");
    })
  ),
);

Deno.test(
  "a mismatch reaches the task that is blocked in receiving, too",
  simulated(() =>
    openNursery(async (nursery) => {
      using stream = scriptedStream().expect("ping").reply("pong");
      const receiving = nursery.startSoon(() => stream.receiveSome().catch((error) => error));
      await sleep(1);
      const error = await stream.sendAll(encode("pang")).catch((error) => error);
      assertInstanceOf(error, ScriptError);
      assertStrictEquals(await receiving.join(), error);
    })
  ),
);

Deno.test(
  "fail() breaks the connection, for receives after the replies before it",
  simulated(async () => {
    const reset = new Error("reset");
    const stream = scriptedStream().expect("a").reply("b").fail(reset);
    await stream.sendAll(encode("a"));
    for (const bytes of ["c", ""]) assertStrictEquals(await stream.sendAll(encode(bytes)).catch((e) => e), reset);
    assertEquals(decode(await stream.receiveSome()), "b");
    assertStrictEquals(await stream.receiveSome().catch((e) => e), reset);
    assertStrictEquals(await stream.sendEof().catch((e) => e), reset);
    stream.close();

    using other = scriptedStream().fail();
    await assertRejects(
      () => other.receiveSome(),
      BrokenResourceError,
      "Cannot go on as the script broke the connection",
    );
  }),
);

Deno.test(
  "after a break nothing that is left counts",
  simulated(async () => {
    using stream = scriptedStream().reply("unread").fail();
    await assertRejects(() => stream.sendAll(encode("x")), BrokenResourceError);
  }),
);

Deno.test(
  "cancelled operations lose nothing, and refuse in a cancelled scope before any effect",
  simulated(async () => {
    using stream = scriptedStream().wait(10).expect("ab").reply("cd");
    const sending = await moveOnAfter(5, () => stream.sendAll(encode("ab")));
    const receiving = await moveOnAfter(1, () => stream.receiveSome());
    assertEquals([sending.cancelledCaught, receiving.cancelledCaught, currentTime()], [true, true, 6]);
    await stream.sendAll(encode("ab"));
    assertEquals(currentTime(), 10);
    for (
      const operation of [
        () => stream.receiveSome(),
        () => stream.sendAll(encode("wrong")),
        () => stream.sendEof(),
      ]
    ) {
      assertEquals((await moveOnAfter<unknown>(0, operation)).cancelledCaught, true);
    }
    assertEquals(decode(await stream.receiveSome()), "cd");
    await stream.sendEof();
  }),
);

Deno.test(
  "busy and closed are told apart",
  simulated(() =>
    openNursery(async (nursery) => {
      const stream = scriptedStream().wait(10).expect("a");
      const tasks = [() => stream.sendAll(encode("a")), () => stream.receiveSome()].map((operation) =>
        nursery.startSoon(() => Promise.try<unknown, []>(operation).catch((error) => String(error)))
      );
      await sleep(1);
      await assertRejects(
        () => stream.sendAll(encode("a")),
        BusyResourceError,
        "Cannot send as another task is sending on this stream: let one task do it",
      );
      await assertRejects(() => stream.sendEof(), BusyResourceError);
      await assertRejects(
        () => stream.receiveSome(),
        BusyResourceError,
        "Cannot receive as another task is receiving from this stream: let one task do it",
      );
      assertThrows(() => stream.close(), ScriptError, "step 1 of 2 did not happen: wait()");
      assertEquals(await Promise.all(tasks.map((task) => task.join())), [
        "ClosedResourceError: Cannot send as the stream was closed meanwhile",
        "ClosedResourceError: Cannot receive as the stream was closed meanwhile",
      ]);
      await assertRejects(
        () => stream.sendAll(encode("a")),
        ClosedResourceError,
        "Cannot send as the stream is closed",
      );
      await assertRejects(() => stream.sendEof(), ClosedResourceError, "Cannot send as the stream is closed");
      await assertRejects(() => stream.receiveSome(), ClosedResourceError, "Cannot receive as the stream is closed");
      using ended = scriptedStream();
      await ended.sendEof();
      await assertRejects(
        () => ended.sendAll(encode("")),
        ClosedResourceError,
        "Cannot send as sendEof() was called before",
      );
    })
  ),
);

Deno.test("a script that nobody asked about in the end is a leak of the simulation", async () => {
  const leak = await simulate(() => void scriptedStream().reply("unread")).catch((error) => error.message);
  assertMatch(leak, /not closed: scripted stream at .*scripted_stream_test/);
});

Deno.test("scriptedStream() checks its steps and arguments", async () => {
  const stream = scriptedStream();
  assertThrows(
    () => stream.expect(""),
    RangeError,
    'Cannot add a step to the script as "bytes" must hold at least one byte',
  );
  assertThrows(
    () => stream.reply(5 as never),
    TypeError,
    'Cannot add a step to the script as "bytes" must be a Uint8Array or a string: received number',
  );
  assertThrows(
    () => stream.wait(-1),
    RangeError,
    'Cannot add a step to the script as "ms" must be >= 0: received -1',
  );
  assertThrows(
    () => stream.wait("1" as never),
    TypeError,
    'Cannot add a step to the script as "ms" must be a number: received "1"',
  );
  assertThrows(
    () => scriptedStream().eof().reply("late"),
    TypeError,
    "Cannot add a step to the script as reply() must come before eof()",
  );
  assertThrows(
    () => scriptedStream().fail().eof(),
    TypeError,
    "Cannot add a step to the script as nothing can follow fail()",
  );
  await assertRejects(() => stream.receiveSome(0), RangeError, 'Cannot receive as "max" must be a whole number >= 1');
  await assertRejects(() => stream.receiveInto(new Uint8Array(0)), RangeError);
  await assertRejects(() => stream.sendAll("text" as never), TypeError);
  stream.close();
});
