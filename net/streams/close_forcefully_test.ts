import { assert, assertEquals, assertRejects } from "@std/assert";
import { CancelScope, currentTime, isCancelled, sleep, sleepForever } from "../../core/mod.ts";
import { simulated } from "../../testing/mod.ts";
import { isClosed as closed, scriptedStream as open } from "../_fixtures/memory_streams.ts";
import { closeForcefully } from "./close_forcefully.ts";

Deno.test(
  "closeForcefully() skips whatever the goodbye waits for, also in a cancelled scope",
  simulated(async () => {
    for (const cancelled of [false, true]) {
      const log: string[] = [];
      const resource = {
        async [Symbol.asyncDispose]() {
          try {
            await sleep(1_000);
            log.push("said goodbye");
          } finally {
            log.push("closed");
          }
        },
      };
      const scope = new CancelScope();
      if (cancelled) scope.cancel();
      await scope.run(async () => {
        await closeForcefully(resource);
        log.push("went on");
      });
      assertEquals([log, currentTime()], [["closed", "went on"], 0]);
    }
    const stream = open([]);
    await closeForcefully(stream);
    assert(closed(stream));
  }),
);

Deno.test(
  "closeForcefully() passes other errors on, and refuses what cannot be closed",
  simulated(async () => {
    const broken = { [Symbol.asyncDispose]: () => Promise.reject(new Error("broken")) };
    await assertRejects(() => closeForcefully(broken), Error, "broken");
    await assertRejects(
      () => closeForcefully({} as never),
      TypeError,
      'Cannot close forcefully as "resource" must be an AsyncDisposable: it has no [Symbol.asyncDispose]()',
    );
    const waiting = { [Symbol.asyncDispose]: () => sleepForever() };
    assert(!isCancelled(await closeForcefully(waiting).catch((error) => error)));
  }),
);
