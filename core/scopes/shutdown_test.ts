import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  checkpoint,
  moveOnAfter,
  openNursery,
  shielded,
  shutdownRequested,
  sleep,
  sleepForever,
  untilShutdown,
} from "../mod.ts";

/** Runs a body in a scope that shuts down at t=5. */
function shuttingDown<T>(body: () => Promise<T>, grace?: number) {
  return new CancelScope().run(async (scope) =>
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(5);
        scope.shutdown(grace === undefined ? {} : { grace });
      }, { daemon: true });
      return await body();
    })
  );
}

Deno.test(
  "untilShutdown() ends an idle wait at once, and its outcome says so",
  simulated(async (sim) => {
    await shuttingDown(async () => {
      assert(!shutdownRequested());
      const outcome = await untilShutdown(() => sleepForever());
      assert(outcome.cancelledCaught && outcome.cancelled.source === "shutdown");
      assertEquals(outcome.cancelled.reason, "shutdown was requested");
      assert(shutdownRequested());
      assertEquals(sim.now, 5);
    });
  }),
);

Deno.test(
  "untilShutdown() in a scope that is shutting down already ends at the first wait",
  simulated(async (sim) => {
    await shuttingDown(async () => {
      await sleep(6);
      const steps: string[] = [];
      const outcome = await untilShutdown(async () => {
        steps.push("started");
        await sleep(1);
      });
      assertEquals([outcome.cancelledCaught, steps, sim.now], [true, ["started"], 6]);
      assertEquals((await untilShutdown(() => "no wait")).value, "no wait");
    });
  }),
);

Deno.test(
  "work in progress goes on after a shutdown without grace, however long",
  simulated(async (sim) => {
    await shuttingDown(() => sleep(1_000_000));
    assertEquals(sim.now, 1_000_000);
  }),
);

Deno.test(
  "the grace cancels what is left when it is over, and only then",
  simulated(async (sim) => {
    const outcome = await shuttingDown(() => sleepForever(), 10);
    assert(outcome.cancelledCaught && outcome.cancelled.source === "shutdown");
    assertEquals([sim.now, outcome.cancelled.message], [15, "Cancelled as the grace of a shutdown ran out"]);
    assertEquals((await shuttingDown(() => sleep(9), 10)).cancelledCaught, false);
  }),
);

Deno.test(
  "a grace of 0 cancels at once",
  simulated(async () => {
    const outcome = await new CancelScope().run(async (scope) => {
      scope.shutdown({ grace: 0 });
      assert(scope.cancelCalled && scope.shutdownRequested);
      await checkpoint();
    });
    assert(outcome.cancelledCaught && outcome.cancelled.source === "shutdown");
  }),
);

Deno.test(
  "a further shutdown() can make the grace shorter, not longer",
  simulated(async (sim) => {
    const ends: number[] = [];
    for (const graces of [[100, 10, 1_000], [Infinity, 10], [10, Infinity], [50, 10, 20]]) {
      const start = sim.now;
      await new CancelScope().run(async (scope) => {
        for (const grace of graces) scope.shutdown({ grace });
        await sleepForever();
      });
      ends.push(sim.now - start);
    }
    assertEquals(ends, [10, 10, 10, 10]);
  }),
);

Deno.test(
  "shields do not hide a shutdown request, but they hide the end of the grace",
  simulated(async (sim) => {
    const log: string[] = [];
    const outcome = await shuttingDown(async () => {
      await shielded(async () => {
        const idle = await untilShutdown(() => sleepForever());
        log.push(`idle ended at ${sim.now}: ${idle.cancelledCaught}`);
        await sleep(50);
        log.push(`shielded until ${sim.now}`);
      });
      await checkpoint();
    }, 10);
    assertEquals([outcome.cancelledCaught, log], [true, ["idle ended at 5: true", "shielded until 55"]]);
  }),
);

Deno.test(
  "shutdown reaches down, not up or sideways, and children started later, too",
  simulated(async () => {
    const inner = new CancelScope();
    await openNursery(async (nursery) => {
      const beside = nursery.startSoon(() => moveOnAfter(10, () => untilShutdown(() => sleepForever())));
      await inner.run(() =>
        openNursery((nursery) => {
          inner.shutdown();
          nursery.startSoon(async () => {
            assert(shutdownRequested());
            assert((await untilShutdown(() => sleepForever())).cancelledCaught);
          });
        })
      );
      assert(!shutdownRequested() && inner.shutdownRequested);
      assert((await beside.join()).cancelledCaught, "ended by its own timeout");
    });
  }),
);

Deno.test(
  "untilShutdown() returns the value when no shutdown comes, and passes cancellations and errors through",
  simulated(async (sim) => {
    assertEquals(await untilShutdown(() => 5), { cancelledCaught: false, value: 5 });
    assert((await moveOnAfter(1, () => untilShutdown(() => sleepForever()))).cancelledCaught);
    assertEquals(sim.now, 1);
    await assertRejects(() => untilShutdown(() => Promise.reject(new TypeError("x"))), TypeError, "x");
  }),
);

Deno.test(
  "shutdown() refuses a scope that is not entered and a grace that is none, before any effect",
  simulated(async () => {
    assertThrows(
      () => new CancelScope().shutdown(),
      TypeError,
      "Cannot shut down a scope as it has not been entered: call run() first",
    );
    await new CancelScope().run((scope) => {
      for (const grace of [-1, NaN]) {
        assertThrows(
          () => scope.shutdown({ grace }),
          RangeError,
          `Cannot shut down a scope as "grace" must be >= 0: received ${grace}`,
        );
      }
      assert(!scope.shutdownRequested);
    });
    await assertRejects(
      () => untilShutdown(sleepForever() as never),
      TypeError,
      'Cannot wait until shutdown as "body" must be a function: received a promise: write () => work() instead of work()',
    );
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test(
  "a shutdown of the caller of start() does not stick to the task that moves, one of the task's own does",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (servers) => {
      await new CancelScope().run(async (request) => {
        request.shutdown({ grace: 50 });
        await servers.start(async (status) => {
          const own = new CancelScope();
          await own.run(() => {
            own.shutdown();
            log.push(`before: ${shutdownRequested()}`);
            status.started();
            log.push(`own: ${shutdownRequested()}`);
          });
          log.push(`after: ${shutdownRequested()}`);
          const outcome = await untilShutdown(() => sleep(10));
          log.push(`${outcome.cancelledCaught} at ${sim.now}`);
        });
      });
    });
    assertEquals(log, ["before: true", "own: true", "after: false", "false at 10"]);
  }),
);

Deno.test(
  "a task that moves into a nursery that is shutting down is shut down, too",
  simulated(async (sim) => {
    await openNursery(async (servers) => {
      servers.cancelScope.shutdown();
      await servers.start(async (status) => {
        status.started();
        const outcome = await untilShutdown(() => sleep(10));
        assert(outcome.cancelledCaught);
      });
    });
    assertEquals(sim.now, 0);
  }),
);
