/** Lines out of something that is opened when the first one is asked for, and closed after the last. */

import { composedWait, requireInteger, requireOptions } from "../../core/internal.ts";
import { checkpoint, shielded } from "../../core/mod.ts";
import { BufferedReceiver, type ReceiveStream } from "../../net/mod.ts";

/** The most bytes that a line may have where nobody says otherwise. */
const MAX = 1024 * 1024;

/** Checks the options; returns the most bytes that a line may have. */
export function requireMax(action: string, options: { readonly max?: number }): number {
  requireOptions(action, options);
  const { max = MAX } = options;
  requireInteger(action, "max", max, 1, Number.MAX_SAFE_INTEGER);
  return max;
}

/**
 * The lines of what `open` gives. It is over, and `close` called, at the end, when a loop is left, and after any error:
 * a loop that has thrown asks for no more. `close` gets what was received and is no part of the lines that were given.
 */
export function linesOf<S extends ReceiveStream>(
  open: () => S | Promise<S>,
  max: number,
  close: (stream: S, rest: Uint8Array) => void,
): AsyncIterableIterator<string> {
  let opened: { readonly receiver: BufferedReceiver<S>; readonly lines: AsyncIterator<string> } | null = null;
  let over = false;
  const end = async (): Promise<void> => {
    over = true;
    if (opened === null) return;
    const { receiver } = opened;
    opened = null;
    // What is buffered is there already, so this does not wait.
    const outcome = await shielded(() => receiver.receiveExactly(receiver.buffered));
    close(receiver.stream, outcome.value as Uint8Array);
  };
  const lines: AsyncIterableIterator<string> = {
    next: () =>
      composedWait(async () => {
        if (over) {
          await checkpoint();
          return { done: true, value: undefined };
        }
        try {
          if (opened === null) {
            const receiver = new BufferedReceiver(await open());
            opened = { receiver, lines: receiver.lines({ max }) };
          }
          const result = await opened.lines.next();
          if (result.done) await end();
          return result;
        } catch (error) {
          await end();
          throw error;
        }
      }),
    return: () =>
      composedWait(async () => {
        await end();
        return { done: true, value: undefined };
      }),
    [Symbol.asyncIterator]: () => lines,
  };
  return lines;
}
