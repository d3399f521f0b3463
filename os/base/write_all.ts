/** Writing all bytes to what takes a part of them at a time. */

import { type End, faultOfBytes, faultOfSize } from "../../core/internal.ts";
import type { OneAtATime } from "./one_at_a_time.ts";

const DONE: End<void> = { value: undefined };

/** Sends all bytes, as one operation: `write` takes what it can of the rest, and says how much that was. */
export function writeAll(
  operations: OneAtATime,
  bytes: Uint8Array,
  { label, write }: { readonly label: string; readonly write: (rest: Uint8Array) => Promise<number> },
): Promise<void> {
  const fault = faultOfBytes(bytes);
  if (fault !== null) return Promise.reject(fault);
  let rest = bytes;
  return operations.perform<void>({
    label,
    atOnce: () => rest.length === 0 ? DONE : null,
    run: () => write(rest),
    done(size) {
      const fault = faultOfSize(size, rest.length);
      if (fault !== null) return { error: fault };
      rest = rest.subarray(size as number);
      return rest.length === 0 ? DONE : null;
    },
  });
}
