/** Paths of files, as far as this room has to take them apart. */

import { show } from "../../core/internal.ts";

const windows = "Deno" in globalThis && Deno.build.os === "windows";
const SEPARATOR = windows ? /[\\/]/ : /\//;

/** Requires a path, or the URL of a file; returns the path. */
export function pathOf(action: string, name: string, value: unknown): string {
  if (value instanceof URL && value.protocol === "file:") {
    const path = decodeURIComponent(value.pathname);
    if (!path.includes("\0")) return windows ? path.replace(/^\/(?=[A-Za-z]:)/, "").replaceAll("/", "\\") : path;
  }
  if (typeof value === "string" && value !== "" && !value.includes("\0")) return value;
  const found = value instanceof URL ? value.href : show(value);
  throw new TypeError(`Cannot ${action} as "${name}" must be a path or a URL of a file: received ${found}`);
}

/** The folder that something is in, by its path alone. */
export function folderOf(path: string): string {
  const trimmed = path.replace(/(?<=[^\\/:])[\\/]+$/, "");
  const end = lastSeparator(trimmed);
  if (end === -1) return ".";
  return trimmed.slice(0, end) === "" || /:$/.test(trimmed.slice(0, end))
    ? trimmed.slice(0, end + 1)
    : trimmed.slice(0, end);
}

/** The last part of a path. */
export function nameOf(path: string): string {
  const trimmed = path.replace(/(?<=[^\\/:])[\\/]+$/, "");
  return trimmed.slice(lastSeparator(trimmed) + 1);
}

function lastSeparator(path: string): number {
  for (let at = path.length - 1; at >= 0; at--) if (SEPARATOR.test(path[at] as string)) return at;
  return -1;
}

/** Something in a folder. */
export function within(folder: string, name: string): string {
  return SEPARATOR.test(folder.at(-1) as string) ? folder + name : `${folder}/${name}`;
}

/** Whether a path begins at the root, and so says the same wherever the program is. */
export function isAbsolute(path: string): boolean {
  return windows ? /^(?:[A-Za-z]:[\\/]|[\\/]{2})/.test(path) : path.startsWith("/");
}

/** A path from the root, without `.`, `..` and the like. */
export function absoluteOf(path: string, here: string): string {
  const whole = isAbsolute(path) ? path : within(here, path);
  const [root = ""] = /^(?:[A-Za-z]:)?[\\/]/.exec(whole) ?? [];
  const parts: string[] = [];
  for (const part of whole.slice(root.length).split(SEPARATOR)) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return root + parts.join(windows ? "\\" : "/");
}

/** What follows a folder in a path, without the separator; `null` if it is not below it. */
export function below(folder: string, path: string): string | null {
  if (!path.startsWith(folder) || path.length === folder.length) return null;
  if (SEPARATOR.test(folder.at(-1) as string)) return path.slice(folder.length);
  return SEPARATOR.test(path[folder.length] as string) ? path.slice(folder.length + 1) : null;
}
