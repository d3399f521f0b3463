/** Lines out of something that is opened when the first one is asked for. */

import { busyWith, composedWait, requireInteger, requireOptions } from "../../core/internal.ts";
import { checkpoint } from "../../core/mod.ts";
import { BufferedReceiver, type ReceiveStream } from "../../net/mod.ts";

/** The most bytes that a line may have where nobody says otherwise. */
const MAX = 1_048_576;

/** Checks the options; returns the most bytes that a line may have. */
export function requireMax(action: string, options: { readonly max?: number }): number {
  requireOptions(action, options);
  const { max = MAX } = options;
  requireInteger(action, "max", max, 1, Number.MAX_SAFE_INTEGER);
  return max;
}

/**
 * The lines of a stream, which is opened for the first, and closed at the end, when a loop is left, and after any error:
 * a loop that has thrown, or was cancelled, does not say that it asks for no more.
 */
export function linesOf(open: () => Promise<ReceiveStream>, max: number): AsyncIterableIterator<string> {
  let receiver: BufferedReceiver | null = null;
  let over = false;
  let asked = false;
  const end = (): void => {
    over = true;
    receiver?.close();
    receiver = null;
  };
  const lines: AsyncIterableIterator<string> = {
    next: () =>
      composedWait(async () => {
        if (over) {
          await checkpoint();
          return { done: true, value: undefined };
        }
        if (asked) throw busyWith("receive a line", "receiving lines here");
        asked = true;
        try {
          const opened = receiver ??= new BufferedReceiver(await open());
          // If it was left meanwhile, this is closed, and so is the receive.
          if (over) opened.close();
          const line = await opened.receiveLine({ max });
          if (line !== null) return { done: false, value: line };
          end();
          return { done: true, value: undefined };
        } catch (error) {
          end();
          throw error;
        } finally {
          asked = false;
        }
      }),
    return: (value) => {
      end();
      return Promise.resolve({ done: true, value });
    },
    [Symbol.asyncIterator]: () => lines,
  };
  return lines;
}
