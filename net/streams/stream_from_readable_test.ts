import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  BrokenResourceError,
  BusyResourceError,
  CancelScope,
  ClosedResourceError,
  isCancelled,
  moveOnAfter,
  openNursery,
  sleep,
} from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { simulate, simulated } from "../../testing/mod.ts";
import { bytes, text } from "../_fixtures/memory_streams.ts";
import { streamFromReadable } from "./web_streams.ts";

// The source is fed by hand, so what is in flight must not hold up time.
const BY_HAND = { io: { quiet: 1 } } as const;

interface Source {
  readonly web: ReadableStream<Uint8Array>;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  pulls: number;
  cancelled: number;
}

function source(): Source {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const web = new ReadableStream<Uint8Array>({
    start: (given) => void (controller = given),
    pull: () => void found.pulls++,
    cancel: () => void found.cancelled++,
  }, { highWaterMark: 0 });
  const found: Source = { web, controller: controller!, pulls: 0, cancelled: 0 };
  return found;
}

Deno.test(
  "streamFromReadable() receives chunks as they are, in parts on request, and null at the end",
  simulated(async () => {
    using stream = streamFromReadable(
      ReadableStream.from(["abc", "defg", "", "hij", "k", "l"].map((part) => bytes(part))),
    );
    assertEquals(text(await stream.receiveSome()), "abc");
    assertEquals(text(await stream.receiveSome(3)), "def");
    const buffer = new Uint8Array(2);
    assertEquals([await stream.receiveInto(buffer), buffer[0]], [1, "g".charCodeAt(0)]);
    assertEquals([await stream.receiveInto(buffer), text(buffer)], [2, "hi"]);
    assertEquals((await Array.fromAsync(stream)).map(text), ["j", "k", "l"]);
    assertEquals([await stream.receiveSome(), await stream.receiveInto(buffer)], [null, null]);
  }),
);

Deno.test(
  "streamFromReadable() takes chunks of any view",
  simulated(async () => {
    const views = [new Uint16Array([1, 2]), new DataView(new Uint8Array([7, 8, 9]).buffer, 1, 1)];
    using stream = streamFromReadable(ReadableStream.from(views) as ReadableStream<never>);
    assertEquals((await Array.fromAsync(stream)).map((chunk) => [...chunk]), [[1, 0, 2, 0], [8]]);
  }),
);

Deno.test(
  "a part of a chunk belongs to the caller, who may transfer its memory: the rest is not lost with it",
  simulated(async () => {
    using stream = streamFromReadable(ReadableStream.from([bytes("abcdef")]));
    const part = await stream.receiveSome(2) as Uint8Array<ArrayBuffer>;
    part.buffer.transfer();
    assertEquals(text(await stream.receiveSome()), "cdef");
  }),
);

Deno.test(
  "a cancelled receive leaves its read in flight, and the next one gets the chunk",
  simulated(async () => {
    const { web, controller, ...rest } = source();
    using stream = streamFromReadable(web);
    assert((await moveOnAfter(1, () => stream.receiveSome())).cancelledCaught);
    assert((await moveOnAfter(1, () => stream.receiveInto(new Uint8Array(9)))).cancelledCaught);
    controller.enqueue(bytes("abc"));
    await sleep(1);
    assertEquals(text(await stream.receiveSome(2)), "ab");
    assertEquals(text(await stream.receiveSome()), "c");

    assert((await moveOnAfter(1, () => stream.receiveSome())).cancelledCaught);
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.receiveSome());
      await sleep(1);
      controller.enqueue(bytes("late"));
      assertEquals(text(await task.join()), "late");
    });

    assert((await moveOnAfter(1, () => stream.receiveSome())).cancelledCaught);
    controller.close();
    await sleep(1);
    assertEquals(await stream.receiveSome(), null, "the end is not lost either");
    assertEquals(rest.cancelled, 0);
  }, BY_HAND),
);

Deno.test(
  "an empty chunk is not the end, also for nobody",
  simulated(async () => {
    const { web, controller } = source();
    using stream = streamFromReadable(web);
    assert((await moveOnAfter(1, () => stream.receiveSome())).cancelledCaught);
    controller.enqueue(bytes(""));
    await sleep(1);
    controller.enqueue(bytes("a"));
    assertEquals(text(await stream.receiveSome()), "a");
  }, BY_HAND),
);

Deno.test(
  "in a cancelled scope nothing is read, and nothing that is there is taken",
  simulated(async () => {
    const fed = source();
    using stream = streamFromReadable(fed.web);
    const scope = new CancelScope();
    scope.cancel();
    await scope.run(async () => assert(isCancelled(await stream.receiveSome().catch((error) => error))));
    assertEquals(fed.pulls, 0);
    fed.controller.enqueue(bytes("ab"));
    assertEquals(text(await stream.receiveSome(1)), "a");
    const other = new CancelScope();
    other.cancel();
    await other.run(async () => assert(isCancelled(await stream.receiveSome().catch((error) => error))));
    assertEquals(text(await stream.receiveSome()), "b");
  }, BY_HAND),
);

Deno.test(
  "a read in flight is an operation of the host",
  simulated(async () => {
    const { web } = source();
    using stream = streamFromReadable(web);
    assertEquals(currentRun().statistics().hostOperations, []);
    await moveOnAfter(1, () => stream.receiveSome());
    assertEquals(currentRun().statistics().hostOperations, ["read of a ReadableStream"]);
    stream.close();
    await sleep(1);
    assertEquals(currentRun().statistics().hostOperations, []);
  }, BY_HAND),
);

Deno.test(
  "two tasks that receive at once are an error",
  simulated(async () => {
    const { web, controller } = source();
    using stream = streamFromReadable(web);
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.receiveSome());
      await sleep(1);
      await assertRejects(
        () => stream.receiveSome(),
        BusyResourceError,
        "Cannot receive as another task is receiving from this stream: let one task do it",
      );
      controller.enqueue(bytes("a"));
      assertEquals(text(await task.join()), "a");
    });
  }, BY_HAND),
);

Deno.test(
  "close() cancels the source, gives the lock back, ends a blocked receive, and makes later ones fail",
  simulated(async () => {
    const fed = source();
    const stream = streamFromReadable(fed.web);
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => stream.receiveSome().catch((error) => error));
      await sleep(1);
      stream.close();
      const error = await task.join();
      assert(error instanceof ClosedResourceError);
      assertEquals(error.message, "Cannot receive as the stream was closed meanwhile");
    });
    assertEquals([fed.cancelled, fed.web.locked], [1, false]);
    await assertRejects(() => stream.receiveSome(), ClosedResourceError, "Cannot receive as the stream is closed");
    {
      await using _ = stream;
    }
    assertEquals(fed.cancelled, 1);
  }, BY_HAND),
);

Deno.test(
  "close() drops what a cancelled receive left behind, and does not mind a source that fails to cancel",
  simulated(async () => {
    const web = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytes("abc")),
      cancel: () => Promise.reject(new Error("cannot cancel")),
    });
    const stream = streamFromReadable(web);
    await stream.receiveSome(1);
    stream.close();
    await assertRejects(() => stream.receiveSome(), ClosedResourceError);

    const fed = source();
    const broken = streamFromReadable(fed.web);
    await moveOnAfter(1, () => broken.receiveSome());
    fed.controller.error(new Error("just before"));
    broken.close();
    await sleep(1);
    await assertRejects(() => broken.receiveSome(), ClosedResourceError);

    const failed = streamFromReadable(new ReadableStream({ pull: () => Promise.reject(new Error("at once")) }));
    await assertRejects(() => failed.receiveSome(), BrokenResourceError);
    failed.close();
  }, BY_HAND),
);

Deno.test(
  "a failure of the source is a BrokenResourceError with its cause, again and again, after what came before",
  simulated(async () => {
    const { web, controller } = source();
    using stream = streamFromReadable(web);
    const cause = new Error("connection lost");
    await moveOnAfter(1, () => stream.receiveSome());
    controller.enqueue(bytes("abc"));
    await sleep(1);
    controller.error(cause);
    assertEquals(text(await stream.receiveSome()), "abc");
    for (let n = 0; n < 2; n++) {
      const error = await assertRejects(
        () => stream.receiveSome(),
        BrokenResourceError,
        "Cannot receive from a ReadableStream as it failed: connection lost",
      );
      assertEquals(error.cause, cause);
    }
    const odd = streamFromReadable(new ReadableStream({ pull: () => Promise.reject("just text") }));
    await assertRejects(
      () => odd.receiveSome(),
      BrokenResourceError,
      "Cannot receive from a ReadableStream as it failed: just text",
    );
  }, BY_HAND),
);

Deno.test(
  "chunks that are not bytes are an error",
  simulated(async () => {
    for (const [chunk, kind] of [["text", `"text"`], [{}, "an object of type Object"], [null, "null"]] as const) {
      using stream = streamFromReadable(ReadableStream.from([chunk]) as ReadableStream<never>);
      await assertRejects(
        () => stream.receiveSome(),
        TypeError,
        `Cannot receive as the chunks of a ReadableStream must be Uint8Arrays: received ${kind}`,
      );
    }
  }),
);

Deno.test(
  "wrong arguments are refused before anything is read",
  simulated(async () => {
    const fed = source();
    using stream = streamFromReadable(fed.web);
    const rows: [() => Promise<unknown>, ErrorConstructor, string][] = [
      [() => stream.receiveSome(0), RangeError, 'Cannot receive as "max" must be a whole number >= 1: received 0'],
      [() => stream.receiveSome("1" as never), TypeError, 'Cannot receive as "max" must be a number: received "1"'],
      [
        () => stream.receiveInto(new Uint8Array(0)),
        RangeError,
        'Cannot receive as "buffer" must hold at least one byte',
      ],
      [
        () => stream.receiveInto([] as never),
        TypeError,
        'Cannot receive as "buffer" must be a Uint8Array: received an object of type Array',
      ],
    ];
    for (const [receive, type, message] of rows) await assertRejects(receive, type, message);
    assertEquals(fed.pulls, 0);
  }),
);

Deno.test("1,000 seeded runs of chunks and cancelled receives: all bytes, in order", async () => {
  for (let seed = 0; seed < 10; seed++) {
    await simulate(async (sim) => {
      const pick = (below: number) => Math.floor(sim.random() * below);
      for (let run = 0; run < 100; run++) {
        const { web, controller } = source();
        using stream = streamFromReadable(web);
        const data = Array.from({ length: pick(60) }, () => pick(256));
        const got: number[] = [];
        let fed = 0;
        const feed = () => {
          if (fed > data.length) return;
          const size = Math.min(pick(20) === 0 ? 0 : 1 + pick(5), data.length - fed);
          if (fed === data.length) controller.close();
          else controller.enqueue(new Uint8Array(data.slice(fed, fed + size)));
          fed = fed === data.length ? Infinity : fed + size;
        };
        for (let over = false; !over;) {
          if (pick(3) === 0) feed();
          const scope = new CancelScope({ timeout: 1 });
          // The chunk and the cancellation come a few microtasks later, in this order or the other.
          const later = async (turns: number, act: () => void) => {
            while (turns-- > 0) await undefined;
            act();
          };
          const acts = [later(pick(8), feed), pick(2) === 0 ? later(pick(8), () => scope.cancel()) : undefined];
          const outcome = await scope.run(async () => {
            if (pick(2) === 0) {
              const part = await stream.receiveSome(1 + pick(4));
              got.push(...part ?? []);
              return part === null;
            }
            const buffer = new Uint8Array(1 + pick(4));
            const size = await stream.receiveInto(buffer);
            got.push(...buffer.subarray(0, size ?? 0));
            return size === null;
          });
          await Promise.all(acts);
          over = outcome.value === true;
        }
        assertEquals(got, data, `seed ${seed}, run ${run}`);
      }
    }, { seed, maxStepsAtOneInstant: 1e9, ...BY_HAND });
  }
});
