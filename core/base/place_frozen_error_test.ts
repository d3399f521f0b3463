import { assert, assertEquals } from "@std/assert";
import { simulate } from "../../testing/mod.ts";
import { ErrorGroup, failAfter, moveOnAfter, openNursery, run, sleep, TooSlowError } from "../mod.ts";

Deno.test("a program in which Error cannot be changed, as hardened ones do, works: it has fewer places", async () => {
  const descriptor = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit") as PropertyDescriptor;
  Object.defineProperty(Error, "stackTraceLimit", { ...descriptor, writable: false });
  try {
    for (const inRun of [run, simulate] as const) {
      const seen = await inRun(async () => {
        const outcome = await moveOnAfter(1, () => sleep(1_000));
        const late = await failAfter(1, () => sleep(1_000)).catch((error) => error);
        const group = await openNursery((nursery) => {
          nursery.startSoon(() => Promise.reject(new Error("x")));
        }).catch((error) => error);
        return [outcome.cancelledCaught, late instanceof TooSlowError, group instanceof ErrorGroup];
      });
      assertEquals(seen, [true, true, true]);
    }
    assert(typeof new TooSlowError("x").stack === "string");
  } finally {
    Object.defineProperty(Error, "stackTraceLimit", descriptor);
  }
});
