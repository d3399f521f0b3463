/** The words of reports. */

import { kindOf, labelOf, waitText } from "../../core/internal.ts";
import type { WaitReason } from "../../core/lowlevel.ts";

/** Takes the stack off an error whose message says where to look: it would only show the insides of this module. */
export function withoutStack<E extends Error>(error: E): E {
  error.stack = `${error.name}: ${error.message}`;
  return error;
}

/** A wait in words. */
export function describeReason(reason: WaitReason): string {
  return waitText(kindOf(reason), labelOf(reason));
}
