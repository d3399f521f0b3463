/**
 * Ends the processes of this program when it ends itself: by `Deno.exit()`, by the second Ctrl-C of `run()`, or as it
 * has forgotten to dispose of one.
 *
 * The host tells of it by `unload`, in which nothing can be waited for: so no politeness. It does not tell when SIGKILL
 * ends the program, another signal of which nobody listens for, or an error that nobody catches outside of a task.
 */

interface Killable {
  /** Ends it at once. */
  kill(signal: "SIGKILL"): unknown;
}

/** The processes that have not exited. Written by `guard()`. */
const living = new Set<Killable>();

/** Ends a process with the program; returns how to stop guarding it. */
export function guard(process: Killable): () => void {
  if (living.size === 0) globalThis.addEventListener("unload", killAll);
  living.add(process);
  return () => {
    if (living.delete(process) && living.size === 0) globalThis.removeEventListener("unload", killAll);
  };
}

function killAll(): void {
  for (const process of living) {
    try {
      process.kill("SIGKILL");
    } catch {
      // It may be gone; and the others have their turn.
    }
  }
}
