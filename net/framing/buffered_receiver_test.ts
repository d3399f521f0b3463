import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  BusyResourceError,
  CancelScope,
  ClosedResourceError,
  currentTime,
  isCancelled,
  moveOnAfter,
  openNursery,
  sleep,
} from "../../core/mod.ts";
import { suspend, type Waker } from "../../core/lowlevel.ts";
import { simulated } from "../../testing/mod.ts";
import { BufferedReceiver } from "./buffered_receiver.ts";
import { BufferedStream } from "./buffered_stream.ts";
import { IncompleteReceiveError, MessageTooLongError } from "./framing_errors.ts";
import { bytes, RecordingSendStream, ScriptedReceiveStream, type Step, text } from "../_fixtures/memory_streams.ts";
import { openTcpListeners, openTcpStream } from "../mod.ts";
import { StapledStream } from "../streams/stapled_stream.ts";
import type { HalfCloseableStream } from "../streams/stream.ts";

function open(...script: readonly Step[]): [BufferedReceiver, ScriptedReceiveStream] {
  const inner = new ScriptedReceiveStream(...script);
  return [new BufferedReceiver(inner), inner];
}

/** A wait of one millisecond between any two bytes. */
function drop(data: Uint8Array): Step[] {
  return [...data].flatMap((byte) => [{ wait: 1 }, new Uint8Array([byte])]);
}

/** Gives what the test feeds it, at that very moment. */
class HandFedStream extends ScriptedReceiveStream {
  #receiver: { readonly waker: Waker<number | null>; readonly into: Uint8Array } | null = null;
  #kept = "";

  override receiveInto(into: Uint8Array): Promise<number | null> {
    return suspend<number | null>({ kind: "receive by hand" }, (waker) => {
      this.#receiver = { waker, into };
      if (this.#kept !== "") this.feed("");
    }, () => {
      this.#receiver = null;
      return true;
    });
  }

  feed(data: string): void {
    this.#kept += data;
    const receiver = this.#receiver;
    if (receiver === null) return;
    this.#receiver = null;
    const { written } = new TextEncoder().encodeInto(this.#kept, receiver.into);
    this.#kept = "";
    receiver.waker.wake(written);
  }
}

// What each operation gives.

Deno.test(
  "receiveExactly() gives so many bytes, however they are cut",
  simulated(async () => {
    const [stream] = open("ab", "c", "defgh", "ij");
    assertEquals(text(await stream.receiveExactly(4)), "abcd");
    assertEquals(text(await stream.receiveExactly(0)), "");
    assertEquals(text(await stream.receiveExactly(1)), "e");
    assertEquals(text(await stream.receiveExactly(5)), "fghij");
  }),
);

Deno.test(
  "receiveExactly() of more than the buffer holds gives memory that nothing else writes to",
  simulated(async () => {
    const data = new Uint8Array(300_000).map((_, n) => n * 7);
    const [stream] = open(data, "rest");
    await stream.receiveExactly(5);
    const large = await stream.receiveExactly(299_995);
    assertEquals(large, data.subarray(5));
    assertEquals(text(await stream.receiveExactly(4)), "rest");
    assertEquals(large, data.subarray(5));
  }),
);

Deno.test(
  "receiveExactly() takes memory for what comes, not for what is announced",
  simulated(async () => {
    const [stream, inner] = open(new Uint8Array(100_000));
    await assertRejects(() => stream.receiveExactly(2 ** 40), IncompleteReceiveError);
    // Of 8, then 32, then 128 KiB what is not taken.
    assertEquals(inner.asked, [8_192, 24_576, 98_304, 31_072]);
    assertEquals(stream.buffered, 100_000);
  }),
);

Deno.test(
  "receiveUntil() gives what is before the delimiter, and takes both, wherever the delimiter is cut",
  simulated(async () => {
    const [stream] = open("one\r", "\ntw\ro\r\r\n", "\r\n", "x");
    assertEquals(text(await stream.receiveUntil("\r\n")), "one");
    assertEquals(text(await stream.receiveUntil(bytes("\r\n"))), "tw\ro\r");
    assertEquals(text(await stream.receiveUntil("\r\n")), "");
    assertEquals(text(await stream.receiveSome()), "x");
    const [dropping] = open(...drop(bytes("aaaaaab|aaab")));
    assertEquals(text(await dropping.receiveUntil("aaab")), "aaa");
    assertEquals(text(await dropping.receiveUntil("ab")), "|aa");
  }),
);

Deno.test(
  "receiveUntil() with a limit allows a message of exactly that length, and none that is longer",
  simulated(async () => {
    for (const script of [["12345||6"], ["12345|", "|6"], drop(bytes("12345||6"))]) {
      const [stream] = open(...script);
      assertEquals(text(await stream.receiveUntil("||", { max: 5 })), "12345");
      assertEquals(text(await stream.receiveExactly(1)), "6");
    }
    for (const script of [["12345||"], ["12345|", "|"], ["12345678"], drop(bytes("12345||"))]) {
      const [stream] = open(...script);
      const error = await assertRejects(
        () => stream.receiveUntil("||", { max: 4 }),
        MessageTooLongError,
        "Cannot receive a message as it must be at most 4 bytes long: the peer sent more without the delimiter",
      );
      assertEquals(error.max, 4);
      assertEquals(text(await stream.receiveExactly(5)), "12345", "takes nothing");
    }
  }),
);

Deno.test(
  "lines() ends lines at line feeds, with or without a carriage return, and gives the last one without",
  simulated(async () => {
    const all = "one\r\ntwo\n\n\r\nth\rree\r\r\n\nlast\r";
    const expected = ["one", "two", "", "", "th\rree\r", "", "last\r"];
    for (const script of [[all], drop(bytes(all)), ["one\r", "\ntwo", "\n\n\r\nth\rree\r\r", "\n\nlast\r"]]) {
      assertEquals(await Array.fromAsync(open(...script)[0].lines()), expected);
      const [stream] = open(...script);
      for (const line of [...expected, null, null]) assertEquals(await stream.receiveLine(), line);
    }
    assertEquals(await Array.fromAsync(open("a\n")[0].lines()), ["a"]);
    assertEquals(await Array.fromAsync(open()[0].lines()), []);
  }),
);

Deno.test(
  "lines() decodes UTF-8 that is cut anywhere, and shows what is not UTF-8",
  simulated(async () => {
    const all = "\ufeffgrün → 🎉\nñ\n";
    for (const script of [[all], drop(bytes(all))]) {
      assertEquals(await Array.fromAsync(open(...script)[0].lines()), ["\ufeffgrün → 🎉", "ñ"]);
    }
    const broken = [0xff, 0x61, 0xe2, 0x86, 0x0a, 0xf0, 0x9f, 0x0d, 0x0a, 0x62];
    const [stream] = open(bytes(broken));
    assertEquals(await Array.fromAsync(stream.lines()), ["\ufffda\ufffd", "\ufffd", "b"]);
    // A batch that is given up in the middle counts the same lines in the bytes.
    const [other] = open(bytes(broken));
    for await (const line of other.lines()) {
      if (line === "\ufffda\ufffd") break;
    }
    assertEquals(await other.receiveExactly(2), bytes([0xf0, 0x9f]));
  }),
);

Deno.test(
  "leaving lines() in the middle takes no byte beyond the last line",
  simulated(async () => {
    const lines = Array.from({ length: 3_000 }, (_, n) => `line ${n}${n % 3 === 0 ? "\r" : ""}`);
    const [stream] = open(`${lines.join("\n")}\nbody`);
    const got: string[] = [];
    // In all sizes of batches, with another operation in between.
    for (let stop = 1; got.length < lines.length; stop *= 3) {
      let left = stop;
      for await (const line of stream.lines()) {
        got.push(line);
        if (--left === 0 || got.length === lines.length) break;
      }
      assertEquals(stream.buffered > 0, true);
      if (got.length < lines.length) {
        assertEquals(
          text(await stream.peek(7)),
          `${lines[got.length]}\n`.padEnd(7, `${lines[got.length + 1]}`).slice(0, 7),
        );
        got.push(await stream.receiveLine() as string);
      }
    }
    assertEquals(got, lines.map((line) => line.replace("\r", "")));
    assertEquals(text(await stream.receiveExactly(4)), "body");
  }),
);

Deno.test(
  "lines({ max }) allows lines of exactly that many bytes, and none that is longer, however they come",
  simulated(async () => {
    for (const end of ["\n", "\r\n"]) {
      for (const script of [[`äbc${end}d${end}`], drop(bytes(`äbc${end}d${end}`))]) {
        assertEquals(await Array.fromAsync(open(...script)[0].lines({ max: 4 })), ["äbc", "d"]);
        const [stream] = open(...script);
        await assertRejects(
          () => Array.fromAsync(stream.lines({ max: 3 })),
          MessageTooLongError,
          "Cannot receive a line as it must be at most 3 bytes long: the peer sent more without a line feed",
        );
        assertEquals(await stream.receiveLine(), "äbc", "takes nothing");
      }
    }
    assertEquals(await open("abc")[0].receiveLine({ max: 3 }), "abc");
    await assertRejects(() => open("abc")[0].receiveLine({ max: 2 }), MessageTooLongError);
    await assertRejects(() => open("ab\r")[0].receiveLine({ max: 2 }), MessageTooLongError);
    assertEquals(await open("\n")[0].receiveLine({ max: 0 }), "");
  }),
);

Deno.test(
  "a smaller max holds also for lines that were decoded under a larger one",
  simulated(async () => {
    const [stream] = open("a\nbbbb\nc\n");
    assertEquals(await stream.receiveLine(), "a");
    await assertRejects(() => stream.receiveLine({ max: 3 }), MessageTooLongError);
    assertEquals(await stream.receiveLine({ max: 4 }), "bbbb");
    assertEquals(await stream.receiveLine({ max: 1 }), "c");
  }),
);

Deno.test(
  "a peer that never ends its line fills no more than max, or the usual buffer",
  simulated(async () => {
    for (const [max, most] of [[100, 65_536], [200_000, 200_002]] as const) {
      const [stream] = open(...Array.from({ length: 100 }, () => new Uint8Array(10_000).fill(97)));
      await assertRejects(() => stream.receiveLine({ max }), MessageTooLongError);
      assert(stream.buffered > max && stream.buffered <= most, `${stream.buffered}`);
    }
  }),
);

Deno.test(
  "memory that one long message needed is let go after it",
  simulated(async () => {
    const [stream, inner] = open(new Uint8Array(600_000).fill(97), "\n", "b\n");
    assertEquals((await stream.receiveLine({ max: 1_000_000 }))!.length, 600_000);
    assertEquals(Math.max(...inner.asked), 1_000_002 - 524_288);
    assertEquals(await stream.receiveLine({ max: 1_000_000 }), "b");
    assertEquals(inner.asked.at(-1), 131_072);
  }),
);

Deno.test(
  "a stream that gets little at a time asks for little memory",
  simulated(async () => {
    const lines = Array.from({ length: 2_000 }, (_, i) => `line ${i}\n`);
    const [stream, inner] = open(...lines);
    for (const line of lines) assertEquals(await stream.receiveLine(), line.trimEnd());
    assertEquals(Math.max(...inner.asked), 8_192);
  }),
);

Deno.test(
  "numbers are read in both orders",
  simulated(async () => {
    const [stream] = open(bytes([1, 2, 3, 4, 5]), bytes([6, 7, 8, 255, 255, 255, 255, 255, 255, 255, 254, 1, 0]));
    assertEquals(await stream.receiveUint8(), 1);
    assertEquals(await stream.receiveUint16(), 0x0203);
    assertEquals(await stream.receiveUint32({ endian: "little" }), 0x07060504);
    assertEquals(await stream.receiveUint16({ endian: "big" }), 0x08ff);
    assertEquals(await stream.receiveUint32(), 0xffffffff);
    const [long] = open(bytes([255, 255, 255, 255, 255, 255, 255, 254, 1, 0, 0, 0, 0, 0, 0, 0]));
    assertEquals(await long.receiveUint64(), 2n ** 64n - 2n);
    assertEquals(await long.receiveUint64({ endian: "little" }), 1n);
  }),
);

Deno.test(
  "peek() shows the next bytes, again and again, and fewer only at the end",
  simulated(async () => {
    const [stream] = open("a", "bcd");
    assertEquals(text(await stream.peek(2)), "ab");
    const copy = await stream.peek(3);
    assertEquals(text(copy), "abc");
    copy.fill(0);
    assertEquals(text(await stream.peek(10)), "abcd");
    assertEquals(text(await stream.receiveExactly(4)), "abcd");
    assertEquals(await stream.peek(1), bytes([]));
  }),
);

Deno.test(
  "receiveSome(), receiveInto() and iteration give what is buffered first, then pass through",
  simulated(async () => {
    const [stream, inner] = open("line\nabcdef", "ghi", "jk", "l");
    assertEquals(await stream.receiveLine(), "line");
    assertEquals(text(await stream.receiveSome(2)), "ab");
    const buffer = new Uint8Array(3);
    assertEquals([await stream.receiveInto(buffer), text(buffer)], [3, "cde"]);
    assertEquals(text(await stream.receiveSome()), "f");
    assertEquals(await stream.receiveInto(buffer), 3);
    assertEquals(inner.asked.at(-1), 3, "straight into the caller's buffer");
    assertEquals(text(buffer), "ghi");
    assertEquals((await Array.fromAsync(stream)).map(text), ["jk", "l"]);
    assertEquals([await stream.receiveSome(), await stream.receiveInto(buffer)], [null, null]);
  }),
);

// What ends too early.

Deno.test(
  "a stream that ends in the middle of a message is an error with the bytes, which stay in the buffer",
  simulated(async () => {
    const rows: [(stream: BufferedReceiver) => Promise<unknown>, string][] = [
      [(stream) => stream.receiveExactly(10), "Cannot receive 10 bytes as the stream ended after 3 bytes"],
      [(stream) => stream.receiveUint64(), "Cannot receive 8 bytes as the stream ended after 3 bytes"],
      [
        (stream) => stream.receiveUntil("\n"),
        "Cannot receive a message up to its delimiter as the stream ended after 3 bytes",
      ],
    ];
    for (const [receive, message] of rows) {
      const [stream] = open("ab", "c");
      for (let again = 0; again < 2; again++) {
        const error = await assertRejects(() => receive(stream), IncompleteReceiveError, message);
        assertEquals([error.name, text(error.partial)], ["IncompleteReceiveError", "abc"]);
      }
      assertEquals(await stream.receiveLine(), "abc");
    }
    await assertRejects(
      () => open("a")[0].receiveUint16(),
      IncompleteReceiveError,
      "Cannot receive 2 bytes as the stream ended after 1 byte",
    );
    const [empty] = open();
    const error = await assertRejects(
      () => empty.receiveUint8(),
      IncompleteReceiveError,
      "Cannot receive 1 byte as the stream ended after 0 bytes",
    );
    assertEquals(error.partial, bytes([]));
  }),
);

Deno.test(
  "an error of the stream is passed on as it is, and what came before stays",
  simulated(async () => {
    const fail = new Error("reset");
    const [stream] = open("abc", { fail });
    assertEquals(await stream.receiveExactly(5).catch((error) => error), fail);
    assertEquals(await Array.fromAsync(stream.lines()).catch((error) => error), fail);
    assertEquals(text(await stream.receiveSome()), "abc");
  }),
);

// Cancellation.

Deno.test(
  "every operation that is cancelled while it waits loses no byte",
  simulated(async () => {
    const rows: ((stream: BufferedReceiver) => Promise<unknown>)[] = [
      (stream) => stream.receiveExactly(100),
      (stream) => stream.receiveUntil("|"),
      (stream) => stream.receiveLine(),
      (stream) => stream.lines().next(),
      (stream) => stream.peek(100),
      (stream) => stream.receiveUint64(),
      (stream) => stream.receiveExactly(100),
    ];
    const [stream, inner] = open(...drop(bytes("abcdefg")), { wait: 1 }, "\nrest");
    for (const receive of rows) {
      assert((await moveOnAfter(1, () => receive(stream))).cancelledCaught);
    }
    assertEquals(currentTime(), 7);
    assertEquals(await stream.receiveLine(), "abcdefg");
    assertEquals(text(await stream.receiveExactly(4)), "rest");
    assertEquals(inner.closed, 0);
  }),
);

Deno.test(
  "what a cancelled receiveLine() has searched is searched again once other bytes stand there",
  simulated(async () => {
    const [stream] = open("abcde", { wait: 5 }, "\nf");
    assert((await moveOnAfter(1, () => stream.receiveLine())).cancelledCaught);
    assertEquals(text(await stream.receiveExactly(4)), "abcd");
    assertEquals(text(await stream.peek(3)), "e\nf");
    assertEquals(await stream.receiveLine(), "e");
  }),
);

Deno.test(
  "memory of which a cancelled receive still has a part is not given to the caller",
  simulated(async () => {
    const data = new Uint8Array(40_000).fill(1);
    const [stream] = open(data, { wait: 10 }, "late");
    await moveOnAfter(5, () => stream.receiveExactly(50_000));
    const early = await stream.receiveExactly(40_000);
    assertEquals(early.buffer.byteLength, 40_000, "a copy, so that transferring it harms nobody");
    (early.buffer as ArrayBuffer).transfer();
    assertEquals(text(await stream.receiveExactly(4)), "late");
  }),
);

Deno.test(
  "in a cancelled scope nothing is taken, also when it is there",
  simulated(async () => {
    const [stream] = open("abc\ndef\nghi\n");
    const lines = stream.lines();
    assertEquals(await lines.next(), { done: false, value: "abc" });
    const scope = new CancelScope();
    scope.cancel();
    await scope.run(async () => {
      const rows = [
        // First what takes from the decoded lines, which the others forget.
        () => lines.next(),
        () => stream.receiveLine(),
        () => stream.receiveExactly(1),
        () => stream.receiveUntil("\n"),
        () => stream.receiveLine(),
        () => lines.next(),
        () => stream.peek(1),
        () => stream.receiveUint8(),
        () => stream.receiveSome(),
        () => stream.receiveInto(new Uint8Array(1)),
      ];
      for (const receive of rows) assert(isCancelled(await receive().catch((error) => error)));
    });
    assertEquals(await lines.next(), { done: false, value: "def" });
    assertEquals(await stream.receiveLine(), "ghi");
  }),
);

Deno.test(
  "lines() stops between two decoded lines when its scope is cancelled",
  simulated(async () => {
    const [stream] = open("a\nb\nc\nd\n");
    const got: string[] = [];
    const outcome = await moveOnAfter(10, async (scope) => {
      for await (const line of stream.lines()) {
        got.push(line);
        if (line === "b") scope.cancel();
      }
    });
    assert(outcome.cancelledCaught);
    assertEquals(got, ["a", "b"]);
    assertEquals(await Array.fromAsync(stream.lines()), ["c", "d"]);
  }),
);

Deno.test(
  "bytes that came just before the cancellation are returned, those just after are kept",
  simulated(async () => {
    const inner = new HandFedStream();
    const stream = new BufferedReceiver(inner);
    for (const [first, then] of [["ab", "cancel"], ["cancel", "cd"]] as const) {
      let got: string | null = null;
      const outcome = await moveOnAfter(Infinity, async (scope) => {
        await openNursery(async (nursery) => {
          nursery.startSoon(async () => got = text(await stream.receiveExactly(2)));
          await sleep(1);
          for (const what of [first, then]) {
            if (what === "cancel") scope.cancel();
            else inner.feed(what);
          }
        });
      });
      assertEquals([got, outcome.cancelledCaught], first === "ab" ? ["ab", false] : [null, true]);
    }
    assertEquals(text(await stream.receiveExactly(2)), "cd");
  }),
);

Deno.test(
  "a cancelled operation that nobody awaits ends nothing",
  simulated(async () => {
    const [stream] = open({ wait: 5 }, "abc");
    const outcome = await moveOnAfter(1, async () => {
      stream.receiveExactly(3);
      await sleep(10);
    });
    assert(outcome.cancelledCaught);
    assertEquals(text(await stream.receiveExactly(3)), "abc");
  }),
);

// Misuse.

Deno.test(
  "two tasks that receive at once are an error, with the bytes of the first one untouched",
  simulated(async () => {
    const [stream] = open("ab", { wait: 5 }, "cd\n");
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.receiveLine());
      await sleep(1);
      const rows = [
        () => stream.receiveExactly(1),
        () => stream.receiveLine(),
        () => stream.lines().next(),
        () => stream.peek(1),
        () => stream.receiveSome(),
        () => stream.receiveInto(new Uint8Array(1)),
      ];
      for (const receive of rows) {
        await assertRejects(
          receive,
          BusyResourceError,
          "Cannot receive as another task is receiving from this stream: let one task do it",
        );
      }
      assertEquals(await task.join(), "abcd");
    });
  }),
);

Deno.test(
  "close() closes the stream below, ends a blocked receive, and makes later ones fail",
  simulated(async () => {
    const [stream, inner] = open("ab", { wait: 5 }, "cd");
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.receiveExactly(4).catch((error) => error));
      await sleep(1);
      stream.close();
      assertEquals((await task.join()).message, "Cannot receive as the stream was closed meanwhile");
    });
    for (const receive of [() => stream.receiveExactly(1), () => stream.receiveLine(), () => stream.receiveSome()]) {
      await assertRejects(receive, ClosedResourceError, "Cannot receive as the stream is closed");
    }
    assertEquals([inner.closed, stream.buffered], [1, 0]);
    {
      await using _ = stream;
      using __ = open()[0];
    }
    const [lines] = open("a\nb\n");
    const iterator = lines.lines();
    await iterator.next();
    lines.close();
    await assertRejects(() => iterator.next(), ClosedResourceError);
  }),
);

Deno.test(
  "close() after the bytes came and before the task went on wins",
  simulated(async () => {
    const inner = new HandFedStream();
    const stream = new BufferedReceiver(inner);
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.receiveExactly(2).catch((error) => error));
      await sleep(1);
      inner.feed("ab");
      stream.close();
      assertEquals((await task.join()).message, "Cannot receive as the stream was closed meanwhile");
    });
  }),
);

Deno.test(
  "wrong arguments are refused before anything is received",
  simulated(async () => {
    const [stream, inner] = open("abc");
    const rows: [() => unknown, ErrorConstructor, string][] = [
      [
        () => stream.receiveExactly(-1),
        RangeError,
        'Cannot receive as "size" must be a whole number >= 0: received -1',
      ],
      [
        () => stream.receiveExactly("1" as never),
        TypeError,
        'Cannot receive as "size" must be a number: received "1"',
      ],
      [() => stream.peek(0), RangeError, 'Cannot peek as "size" must be a whole number >= 1: received 0'],
      [() => stream.receiveSome(0), RangeError, 'Cannot receive as "max" must be a whole number >= 1: received 0'],
      [() => stream.receiveUntil(""), RangeError, 'Cannot receive as "delimiter" must hold at least one byte'],
      [
        () => stream.receiveUntil(7 as never),
        TypeError,
        'Cannot receive as "delimiter" must be a string or a Uint8Array: received 7',
      ],
      [
        () => stream.receiveUntil("a", { max: 1.5 }),
        RangeError,
        'Cannot receive as "max" must be a whole number >= 0: received 1.5',
      ],
      [
        () => stream.receiveLine({ max: NaN }),
        RangeError,
        'Cannot receive a line as "max" must be a whole number >= 0: received NaN',
      ],
      [
        () => stream.receiveUint16({ endian: "middle" as never }),
        RangeError,
        'Cannot receive a number as "endian" must be "big" or "little": received "middle"',
      ],
    ];
    for (const [receive, type, message] of rows) {
      await assertRejects(async () => void await receive(), type, message);
    }
    assertThrows(
      () => stream.lines({ max: -1 }),
      RangeError,
      'Cannot receive lines as "max" must be a whole number >= 0: received -1',
    );
    assertThrows(
      () => new BufferedReceiver(new ReadableStream() as never),
      TypeError,
      'Cannot buffer a stream as "stream" must be a ReceiveStream: received an object of type ReadableStream; wrap a ReadableStream with streamFromReadable()',
    );
    assertEquals(inner.asked, []);
    await stream.peek(1);
    await assertRejects(
      () => stream.receiveInto(new Uint8Array(0)),
      RangeError,
      'Cannot receive as "buffer" must hold at least one byte',
    );
    await assertRejects(
      () => stream.receiveInto("" as never),
      TypeError,
      'Cannot receive as "buffer" must be a Uint8Array: received ""',
    );
  }),
);

Deno.test(
  "sending goes through to the stream, and one that cannot send is refused at once",
  simulated(async () => {
    const send = new RecordingSendStream();
    const stream = new BufferedStream(new StapledStream(send, new ScriptedReceiveStream()));
    await stream.sendAll(bytes("hi"));
    await stream.sendText(" ü");
    await stream.sendEof();
    assertEquals([text(new Uint8Array(send.sent)), send.eofs], ["hi ü", 1]);

    assertThrows(
      () => new BufferedStream(new ScriptedReceiveStream() as never),
      TypeError,
      'Cannot buffer a stream as "stream" must be able to send: received an object of type ScriptedReceiveStream ' +
        "without sendAll(); a BufferedReceiver needs none",
    );
    // @ts-expect-error What only receives does not pass for a stream that sends.
    const _: HalfCloseableStream = new BufferedReceiver(new ScriptedReceiveStream());
    // @ts-expect-error Nor can it be made one.
    assertThrows(() => new BufferedStream(new ScriptedReceiveStream()), TypeError);
  }),
);

Deno.test(
  "buffered counts what was not given out, also among lines",
  simulated(async () => {
    const [stream] = open("one\ntwo\nthree\n");
    for await (const line of stream.lines()) {
      assertEquals(line, "one");
      break;
    }
    assertEquals(stream.buffered, 10);
  }),
);

Deno.test(
  "disposing of a stream forgets what it held, in either way",
  simulated(async () => {
    for (const dispose of [Symbol.dispose, Symbol.asyncDispose] as const) {
      const [stream] = open("one\ntwo\n");
      assertEquals(text(await stream.receiveUntil("\n")), "one");
      await stream[dispose]();
      assertEquals(stream.buffered, 0);
      await assertRejects(
        () => stream.receiveExactly(1),
        ClosedResourceError,
        "Cannot receive as the stream is closed",
      );
    }
  }),
);

Deno.test("lines, numbers and bytes over a real connection", async () => {
  const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      using server = new BufferedStream(await listener.accept());
      const names = await Array.fromAsync({ [Symbol.asyncIterator]: () => server.lines({ max: 100 }) });
      await server.sendAll(bytes(`\0\x05${names.join()}`));
    });
    using client = new BufferedStream(await openTcpStream("127.0.0.1", listener.address.port));
    await client.sendAll(bytes("a→b\r\nc"));
    await client.sendEof();
    const size = await client.receiveUint16();
    assertEquals(size, 5);
    assertEquals(text(await client.receiveExactly(7)), "a→b,c");
  });
  listener.close();
});
