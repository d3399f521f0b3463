/** The options of what writes a whole file. */

import { requireBoolean, requireInteger, requireOptions } from "../../core/internal.ts";

/** Checks them. */
export function requireWriteOptions(
  action: string,
  options: { readonly mode?: number; readonly durable?: boolean },
): void {
  requireOptions(action, options);
  if (options.mode !== undefined) requireInteger(action, "mode", options.mode, 0, 0o777);
  if (options.durable !== undefined) requireBoolean(action, "durable", options.durable);
}
