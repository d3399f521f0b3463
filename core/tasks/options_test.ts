import { assertMatch } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  any,
  asCompleted,
  cancellable,
  CancelScope,
  currentTask,
  forEach,
  map,
  openNursery,
  race,
  retry,
  run,
  shielded,
  toChannel,
} from "../mod.ts";

const never = (): never => {
  throw new Error("called");
};

/** What takes options beside a function, or beside what it waits for. */
const TAKERS: Record<string, (options: never) => unknown> = {
  "new CancelScope()": (options) => new CancelScope(options),
  "scope.shutdown()": (options) => new CancelScope().run((scope) => scope.shutdown(options)),
  "task.cancel()": (options) => currentTask().cancel("why", options),
  "openNursery()": (options) => openNursery(never, options),
  "run()": (options) => run(never, options),
  "shielded()": (options) => shielded(never, options),
  "cancellable()": (options) => cancellable(Promise.resolve(), options),
  "map()": (options) => map([1], never, options),
  "forEach()": (options) => forEach([1], never, options),
  "asCompleted()": (options) => asCompleted([1], never, options),
  "race()": (options) => race([never], options),
  "any()": (options) => any([never], options),
  "retry()": (options) => retry(never, options),
  "toChannel()": (options) => toChannel([1], never, options),
};

for (const [name, take] of Object.entries(TAKERS)) {
  Deno.test(
    `${name} refuses options that are none, before any effect`,
    simulated(async () => {
      for (const options of [null, 5, "name"]) {
        let thrown: unknown;
        try {
          await take(options as never);
        } catch (error) {
          thrown = error;
        }
        assertMatch(String(thrown), /^TypeError: Cannot .* as "options" must be an object: received (null|5|"name")$/);
      }
    }),
  );
}

Deno.test(
  "task.cancel() refuses a source that is none",
  simulated(() => {
    let thrown: unknown;
    try {
      currentTask().cancel("why", { source: "deadline" as "explicit" });
    } catch (error) {
      thrown = error;
    }
    assertMatch(
      String(thrown),
      /^RangeError: Cannot cancel a task as "source" must be "explicit", "signal" or "disconnect": received "deadline"$/,
    );
  }),
);
