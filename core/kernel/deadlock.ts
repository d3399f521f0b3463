/**
 * Noticing that a run can never end.
 *
 * The host knows: its event loop is empty while tasks wait. Deno says so (`beforeunload`) once the main module has
 * been evaluated, so `run(main)` without `await` gets an exact answer and fails with `DeadlockError`.
 *
 * While the main module awaits at its top level (`await run(main)`), Deno says nothing: it ends the process with
 * "Top-level await promise never resolved", and listening for Ctrl-C keeps even that from happening. What the
 * library itself can tell is weaker: every task is in one of its waits, and no alarm and no host operation is
 * pending. A callback of the program (a WebSocket, a `setTimeout`) may still wake somebody, so this is no error.
 * After a second of it the task tree is printed once, and the signal listeners are lifted for a turn, in which
 * Deno ends the process if nothing else is alive. (Tried in vain: unref'd timers keep the loop alive under a
 * top-level await, unref'd immediates do not run in an empty one, and `unload` is not sent.)
 * On a `deterministic` clock nothing is printed: whoever drives it knows when nothing can happen any more.
 */

import { mainModuleEvaluated, onLoopEmpty } from "../base/host.ts";
import { hostClear, hostImmediate, hostTimeout } from "../base/host_time.ts";
import { letOthersGo } from "../base/letting_go.ts";
import type { Runtime } from "./runtime.ts";
import { walk } from "./status.ts";

/** How long every task must have been waiting before the note is printed, in milliseconds. */
const NOTE_AFTER = 1_000;

/**
 * Deno needs three turns to forget a signal listener and see that nothing else is alive (tried); a few more do no harm.
 */
const LET_GO_TURNS = 8;

/** What a watch needs of `run()`. */
export interface DeadlockHandler {
  /** The event loop is empty. */
  deadlock(): void;
  /** Stops whatever keeps the event loop alive; returns how to take it up again. */
  letGo(): () => void;
}

/** Watches a run until the returned function is called. */
export function watchForDeadlock(runtime: Runtime, handler: DeadlockHandler): () => void {
  const stopListening = onLoopEmpty(() => handler.deadlock());
  let timer: ReturnType<typeof setTimeout> | undefined;
  let noted = false;
  const stop = () => {
    stopIdle();
    hostClear(timer);
    timer = undefined;
  };
  const stopIdle = runtime.onIdle(() => {
    if (timer !== undefined || runtime.hostOperations.size > 0) return;
    if (noted || mainModuleEvaluated() || runtime.clock.deterministic === true) return stop();
    timer = hostTimeout(() => {
      timer = undefined;
      if (runtime.running > 0 || runtime.hostOperations.size > 0 || mainModuleEvaluated() || waitsForTime(runtime)) {
        return;
      }
      noted = true;
      runtime.taskTree({ places: true }).then((tree) => {
        // deno-lint-ignore no-console -- the only channel left if the process ends now
        console.error(
          "Trefoil: every task waits, and no timer or operation this library knows of is pending. If this is a deadlock, " +
            "the tree shows it. If a callback of yours will wake them, account for it with hostOperation(), and this note stays away.\n" +
            `${tree}`,
        );
        const takeUp = [handler.letGo(), letOthersGo()];
        afterTurns(LET_GO_TURNS, () => takeUp.forEach((again) => again()));
      });
    }, NOTE_AFTER);
    unref(timer);
  });
  return () => {
    stopListening();
    stop();
  };
}

/** Whether a sleep or a deadline is pending somewhere. */
function waitsForTime(runtime: Runtime): boolean {
  let found = false;
  walk(runtime.root, (node) => {
    if (node.scope !== null && node.scope.deadline !== Infinity && node.cancelled === null) found = true;
    for (let waiter = node.waiters; waiter !== null && !found; waiter = waiter.next) {
      found = waiter.reason.untilTime === true;
    }
    return !found;
  });
  return found;
}

/** Calls back after some turns of the event loop, if it takes that many: this alone does not keep it alive. */
function afterTurns(turns: number, callback: () => void): void {
  unref(hostImmediate(turns === 1 ? callback : () => afterTurns(turns - 1, callback)));
}

function unref(handle: unknown): void {
  (handle as { unref?(): void } | undefined)?.unref?.();
}
