/**
 * One call of the host that cannot be taken back: it opens something, makes something, or takes its time.
 *
 * A cancelled wait leaves it behind. What it brings then is nobody's, and is given back by `late`. It stays on the list
 * of the run until it has landed.
 */

import { callHost, HOST, hostReason } from "../../core/internal.ts";
import { suspend } from "../../core/lowlevel.ts";

/** What becomes of a call whose wait was cancelled. */
export interface LeftBehindCall<T> {
  /** Called by the cancellation: tells the host that its answer is not wanted any more. */
  readonly abort?: () => void;
  /** Gives back what has come too late. */
  readonly late?: (value: T) => unknown;
}

/** Calls the host, and waits for what it gives. Throws what it throws. */
export function hostWait<T>(
  label: string,
  begin: () => PromiseLike<T>,
  { abort, late }: LeftBehindCall<T> = {},
): Promise<T> {
  return suspend<T>(hostReason(label), (waker) => {
    const operation = callHost(HOST, label, { begin }, (value) => {
      operation.end();
      if (!waker.wake(value)) late?.(value);
    }, (error) => {
      operation.end();
      waker.fail(error);
    });
  }, () => {
    abort?.();
    return true;
  });
}
