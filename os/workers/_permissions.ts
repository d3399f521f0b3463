/**
 * What a worker that is a process may do: no more than the program.
 *
 * By default each kind that the program may do in full, and nothing of what it may do in part: the host does not say
 * which part that is.
 */

import { show } from "../../core/internal.ts";
import type { WorkerPermissions } from "./workers.ts";

/** The kinds, and what a part of one is called in a question to the host. */
const KINDS = {
  read: "path",
  write: "path",
  net: "host",
  env: "variable",
  run: "command",
  sys: "kind",
  ffi: "path",
  import: "host",
} as const;
type Kind = keyof typeof KINDS;

/** Checks what a user has given. */
export function requirePermissions(action: string, permissions: unknown): void {
  if (permissions === undefined || permissions === "none") return;
  if (typeof permissions !== "object" || permissions === null) {
    throw new TypeError(
      `Cannot ${action} as "permissions" must be "none" or an object: received ${show(permissions)}`,
    );
  }
  for (const [kind, value] of Object.entries(permissions)) {
    if (!Object.hasOwn(KINDS, kind)) {
      throw new TypeError(
        `Cannot ${action} as "permissions" must name kinds of Deno, ${Object.keys(KINDS).join(", ")}: received ${
          show(kind)
        }`,
      );
    }
    if (typeof value === "boolean") continue;
    if (Array.isArray(value) && value.every((each) => typeof each === "string" && each !== "" && !each.includes(","))) {
      continue;
    }
    throw new TypeError(
      `Cannot ${action} as "permissions.${kind}" must be a boolean or an array of strings without commas: received ${
        show(value)
      }`,
    );
  }
}

/** The flags of Deno for it. Throws if the program itself may not do that. */
export function flagsOf(action: string, permissions: WorkerPermissions | undefined): readonly string[] {
  if (permissions === "none") return [];
  return (Object.keys(KINDS) as Kind[]).flatMap((kind) => {
    const value = permissions?.[kind];
    if (value === undefined) return isGranted(kind) ? [`--allow-${kind}`] : [];
    if (value === false || Array.isArray(value) && value.length === 0) return [];
    const parts = value === true ? [undefined] : value as readonly string[];
    for (const part of parts) {
      if (isGranted(kind, part)) continue;
      const flag = `--allow-${kind}${part === undefined ? "" : `=${part}`}`;
      throw new Deno.errors.NotCapable(
        `Cannot ${action} as a worker may do no more than the program, which must have been started with ${flag}`,
      );
    }
    return [`--allow-${kind}${value === true ? "" : `=${parts.join(",")}`}`];
  });
}

function isGranted(name: Kind, part?: string): boolean {
  const descriptor = { name, ...part === undefined ? {} : { [KINDS[name]]: part } } as Deno.PermissionDescriptor;
  return Deno.permissions.querySync(descriptor).state === "granted";
}
