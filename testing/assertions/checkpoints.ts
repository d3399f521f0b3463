/** Assertions about where a function can be cancelled. */

import { composedWait, failureOf, faultOf, NOTHING, read, requireFunction, textOf } from "../../core/internal.ts";
import { CancelScope, currentTask, openNursery } from "../../core/mod.ts";
import { ambientDriver } from "../driver/ambient.ts";
import { settled } from "../time/settled.ts";
import { inSomeSimulation } from "./_in_simulation.ts";

/**
 * Asserts that a function is a checkpoint: in a cancelled scope it throws `Cancelled`, otherwise it lets others run.
 *
 * The function is called twice: first in a scope that is cancelled already, where a checkpoint has no effect, then as
 * it is. A call that throws another error passes, as it may have ended before its first wait. Within a simulation the
 * calls run there, elsewhere in a new one.
 *
 * **Cancellation:** passes `Cancelled` on.
 *
 * @example One operation that waits, and one that does not
 * ```ts
 * import { openMemoryChannel } from "@trefoil/io";
 * import { assertCheckpoints } from "@trefoil/io/testing";
 * import { assertRejects } from "@std/assert";
 *
 * const [send, receive] = openMemoryChannel<number>(1);
 * await assertCheckpoints(() => send.send(1));
 * await assertRejects(() => assertCheckpoints(() => receive.tryReceive()));
 * ```
 *
 * @param fn What to call.
 * @returns What the second call returned.
 * @throws {Error} If it is no checkpoint; the message says which of the two is missing.
 * @category Assertions
 */
export function assertCheckpoints<T>(fn: () => T | Promise<T>): Promise<T> {
  return inSimulation(fn, async () => {
    const refused = await callCancelled(fn);
    if (refused === "returned") {
      throw new Error(
        `Cannot accept ${nameOf(fn)} as a checkpoint as it must throw Cancelled in a cancelled scope: it returned`,
      );
    }
    const before = points();
    const value = await fn();
    if (points() === before) {
      throw new Error(
        `Cannot accept ${nameOf(fn)} as a checkpoint as it must let other tasks run: it did not wait at all`,
      );
    }
    return value;
  });
}

/**
 * Asserts that a function has no checkpoint: it cannot be cancelled, and it does not let other tasks run.
 *
 * The function is called once, in a scope that is cancelled already.
 *
 * **Cancellation:** passes `Cancelled` on.
 *
 * @example An operation that must not wait
 * ```ts
 * import { openMemoryChannel } from "@trefoil/io";
 * import { assertNoCheckpoints } from "@trefoil/io/testing";
 *
 * const [send] = openMemoryChannel<number>(1);
 * await assertNoCheckpoints(() => send.trySend(1));
 * ```
 *
 * @param fn What to call.
 * @returns What it returned.
 * @throws {Error} If it has a checkpoint.
 * @category Assertions
 */
export function assertNoCheckpoints<T>(fn: () => T | Promise<T>): Promise<T> {
  return inSimulation(fn, async () => {
    const scope = new CancelScope();
    scope.cancel();
    let made = 0;
    const outcome = await scope.run(async () => {
      // Counted inside: leaving the scope may let others run.
      const before = points();
      try {
        return await fn();
      } finally {
        made = points() - before;
      }
    });
    if (outcome.cancelledCaught) {
      throw new Error(
        `Cannot accept ${nameOf(fn)} as free of checkpoints as it must not be cancelled: it threw Cancelled`,
      );
    }
    if (made > 0) {
      throw new Error(
        `Cannot accept ${nameOf(fn)} as free of checkpoints as it must not let other tasks run: it waited`,
      );
    }
    return outcome.value;
  });
}

/**
 * Asserts that a function waits, and that cancelling it then ends it at once, with nothing but `Cancelled`.
 *
 * Once it waits, its scope is cancelled; then everything it does must end without time passing.
 *
 * **Cancellation:** passes `Cancelled` on, once the function has ended.
 *
 * @example A receive from an empty channel
 * ```ts
 * import { openMemoryChannel } from "@trefoil/io";
 * import { assertCancellable } from "@trefoil/io/testing";
 *
 * const [_send, receive] = openMemoryChannel<number>(0);
 * await assertCancellable(() => receive.receive());
 * ```
 *
 * @param fn What to call. It must wait, and is cancelled there.
 * @throws {Error} If it returned before it was cancelled, went on afterwards, or threw another error.
 * @category Assertions
 */
export function assertCancellable(fn: () => unknown): Promise<void> {
  return composedWait(() => judgeCancellable(fn));
}

async function judgeCancellable(fn: () => unknown): Promise<void> {
  const fault = await inSimulation(fn, () =>
    openNursery(async (nursery) => {
      const scope = new CancelScope();
      let end: { readonly caught: boolean } | { readonly error: unknown } | null = null;
      nursery.startSoon(async () => {
        try {
          end = { caught: (await scope.run(fn)).cancelledCaught };
        } catch (error) {
          end = { error };
          if (failureOf(error) === NOTHING) throw error;
        }
      }, { name: `assertCancellable(${nameOf(fn)})` });
      const fault = (what: string, found: string) =>
        new Error(`Cannot accept ${nameOf(fn)} as cancellable as it must ${what}: it ${found}`);
      await settled();
      if (end !== null) return fault("wait until it is cancelled", ended(end));
      scope.cancel();
      await settled();
      if (end === null) return fault("end at once when it is cancelled", "goes on");
      if (!("caught" in end) || !(end as { caught: boolean }).caught) return fault("end with Cancelled", ended(end));
      return null;
    }));
  // Thrown out here, as the nursery would put it into a group.
  if (fault !== null) throw fault;
}

function ended(end: { readonly caught: boolean } | { readonly error: unknown }): string {
  return "error" in end ? `threw ${textOf(end.error)}` : "returned";
}

async function callCancelled(fn: () => unknown): Promise<"refused" | "returned" | "threw"> {
  const scope = new CancelScope();
  scope.cancel();
  try {
    return (await scope.run(fn)).cancelledCaught ? "refused" : "returned";
  } catch {
    return "threw";
  }
}

/** The waits the calling task has made so far. */
function points(): number {
  return ambientDriver()!.pointsOf(currentTask());
}

/** Waits are counted in simulations only. */
function inSimulation<T>(subject: unknown, fn: () => T | Promise<T>): Promise<T> {
  const fault = faultOf(() => requireFunction("assert checkpoints", "fn", subject));
  if (fault !== null) return Promise.reject(fault);
  return inSomeSimulation(
    fn,
    "Cannot assert checkpoints as waits must be counted, which a run() of your own does not do: call it in simulated(), or outside any run",
  );
}

function nameOf(fn: unknown): string {
  const name = read(fn, "name");
  return typeof name === "string" && name !== "" ? `"${name}"` : "the function";
}
