/**
 * How code in a worker finds out that it is in one, whichever copy of this library it has loaded. Imports nothing.
 */

/** The key of `InWorker` among the globals. */
export const IN_WORKER: unique symbol = Symbol.for("@trefoil/io/worker") as never;

/** What the host in a worker leaves for the code in it. */
export interface InWorker {
  /** Throws the reason of the cancellation, if the call that runs is cancelled. */
  check(): void;
  /** The signal of the call that runs; `null` if none does. */
  signal(): AbortSignal | null;
  /** Called by the core when it is loaded, with how it runs something that a signal cancels. */
  adopt(run: (signal: AbortSignal, body: () => unknown) => unknown): void;
}

/** See `InWorker`; `undefined` in the program. */
export function inWorker(): InWorker | undefined {
  return (globalThis as { [IN_WORKER]?: InWorker })[IN_WORKER];
}
