import { assert, assertEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  isCancelled,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  type ScopeOutcome,
  shielded,
  sleep,
} from "../mod.ts";

Deno.test(
  "a ready send() or receive() in a cancelled scope refuses, and changes nothing",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<string>(2);
    send.trySend("kept");
    for (const wait of [() => send.send("refused"), () => receive.receive()] as (() => Promise<unknown>)[]) {
      assert((await moveOnAfter(0, wait)).cancelledCaught);
      const { currentBufferUsed, peakBufferUsed } = send.statistics();
      assertEquals([currentBufferUsed, peakBufferUsed], [1, 1]);
    }
    assertEquals(receive.tryReceive(), "kept");
  }),
);

Deno.test(
  "a ready send() or receive() lets others run before it returns",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(2);
    let others = 0;
    await openNursery(async (nursery) => {
      nursery.startSoon(() => void others++);
      await send.send(1);
      assertEquals(others, 1);
      nursery.startSoon(() => void others++);
      assertEquals(await receive.receive(), 1);
      assertEquals(others, 2);
    });
  }),
);

Deno.test(
  "a ready operation that was done before the cancel stays done: the next wait throws",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<string>(1);
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      const sending = send.send("value");
      scope.cancel();
      await sending;
      return receive.tryReceive();
    });
    assertEquals(outcome.value, "value");
  }),
);

Deno.test(
  "cancelled senders leave the queue wherever they stand, and the others keep their order",
  simulated(async (sim) => {
    for (const gone of [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]]) {
      const [send, receive] = openMemoryChannel<number>(0);
      const scopes = [0, 1, 2].map(() => new CancelScope());
      await openNursery(async (nursery) => {
        scopes.forEach((scope, at) => nursery.startSoon(() => scope.run(() => send.send(at))));
        await sim.settled();
        for (const at of gone) scopes[at]!.cancel();
        assertEquals(send.statistics().tasksWaitingSend, 3 - gone.length);
        const got: unknown[] = [];
        while (send.statistics().tasksWaitingSend > 0) got.push(receive.tryReceive());
        assertEquals(got, [0, 1, 2].filter((at) => !gone.includes(at)));
        assertEquals(receive.tryReceive(), undefined);
      });
      assertEquals(scopes.map(({ cancelledCaught }) => cancelledCaught), [0, 1, 2].map((at) => gone.includes(at)));
    }
  }),
);

Deno.test(
  "cancelled receivers leave the queue wherever they stand, and values go to the others in order",
  simulated(async (sim) => {
    for (const gone of [[0], [1], [2], [0, 1], [1, 2], [0, 2]]) {
      const [send, receive] = openMemoryChannel<number>(0);
      const scopes = [0, 1, 2].map(() => new CancelScope());
      const got: [at: number, value: number | undefined][] = [];
      await openNursery(async (nursery) => {
        scopes.forEach((scope, at) =>
          nursery.startSoon(async () => {
            const { cancelledCaught, value } = await scope.run(() => receive.receive());
            if (!cancelledCaught) got.push([at, value]);
          })
        );
        await sim.settled();
        for (const at of gone) scopes[at]!.cancel();
        const left = 3 - gone.length;
        assertEquals(send.statistics().tasksWaitingReceive, left);
        for (let value = 0; value < left; value++) send.trySend(value);
        assertEquals(send.trySend(9), false);
      });
      assertEquals(got, [0, 1, 2].filter((at) => !gone.includes(at)).map((at, value) => [at, value]));
    }
  }),
);

Deno.test(
  "a sender taken from the queue before the cancel has sent; in the reverse order the value stays with it",
  simulated(async (sim) => {
    for (const capacity of [0, 1]) {
      for (const first of ["receive", "cancel"]) {
        const [send, receive] = openMemoryChannel<string>(capacity);
        if (capacity > 0) send.trySend("buffered");
        const scope = new CancelScope();
        await openNursery(async (nursery) => {
          const sending = nursery.startSoon(() => scope.run(() => send.send("value").then(() => "sent")));
          await sim.settled();
          if (first === "cancel") scope.cancel();
          const got: string[] = [];
          for (let value = receive.tryReceive(); value !== undefined; value = receive.tryReceive()) got.push(value);
          scope.cancel();
          const { cancelledCaught } = await sending.join();
          assertEquals(cancelledCaught, first === "cancel");
          const expected = [...(capacity > 0 ? ["buffered"] : []), ...(first === "receive" ? ["value"] : [])];
          assertEquals(got, expected);
        });
      }
    }
  }),
);

Deno.test(
  "a value handed to a receiver whose scope is cancelled in the same turn arrives, once",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<string>(3);
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      const first = nursery.startSoon(() => scope.run(() => receive.receive()));
      await sim.settled();
      send.trySend("one");
      scope.cancel();
      send.trySend("two");
      assertEquals(await first.join(), { cancelledCaught: false, value: "one" });
      assertEquals(receive.tryReceive(), "two");
      assertEquals(scope.cancelledCaught, false);
    });
  }),
);

Deno.test(
  "whichever of close() and cancel() comes first decides how a blocked wait ends",
  simulated(async (sim) => {
    for (const first of ["close", "cancel"] as const) {
      for (const side of ["send", "receive"] as const) {
        const [send, receive] = openMemoryChannel<number>(0);
        const scope = new CancelScope();
        await openNursery(async (nursery) => {
          const wait = nursery.startSoon(() =>
            scope.run(async () => {
              await (side === "send" ? send.send(1) : receive.receive());
            }).then((outcome: ScopeOutcome<void>) => `caught ${outcome.cancelledCaught}`, (error) => error.name)
          );
          await sim.settled();
          const acts = { close: () => (side === "send" ? send : receive).close(), cancel: () => scope.cancel() };
          acts[first]();
          acts[first === "close" ? "cancel" : "close"]();
          assertEquals(await wait.join(), first === "close" ? "ClosedResourceError" : "caught true");
        });
      }
    }
  }),
);

Deno.test(
  "a loop over a channel ends by cancellation, and can go on later where it was",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(5);
    const got: number[] = [];
    for (const n of [1, 2]) send.trySend(n);
    const outcome = await moveOnAfter(10, async () => {
      for await (const n of receive) got.push(n);
    });
    assert(outcome.cancelledCaught);
    for (const n of [3, 4]) send.trySend(n);
    send.close();
    for await (const n of receive) got.push(n);
    assertEquals(got, [1, 2, 3, 4]);
  }),
);

Deno.test(
  "a blocked wait under a shield outlasts a cancel, and then throws no more than the next wait",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<string>(0);
    await openNursery(async (nursery) => {
      const receiving = nursery.startSoon(() =>
        moveOnAfter(1, async () => {
          const { value } = await shielded(() => receive.receive());
          assert(isCancelled(await sleep(1).catch((error) => error)));
          return value;
        })
      );
      await sleep(5);
      await send.send("after the cancel");
      assertEquals((await receiving.join()).value, "after the cancel");
    });
  }),
);

Deno.test(
  "1,000 receivers cancelled at once leave an empty queue, and the next value is not lost to them",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<string>(1);
    const outcome = await moveOnAfter(1, () =>
      openNursery((nursery) => {
        for (let i = 0; i < 1_000; i++) nursery.startSoon(() => receive.receive());
      }));
    assert(outcome.cancelledCaught);
    assertEquals([send.statistics().tasksWaitingReceive, sim.now], [0, 1]);
    await send.send("kept");
    assertEquals(await receive.receive(), "kept");
  }),
);
