/** Requests in words. */

import { read } from "../../core/internal.ts";

/** The URL that `fetch` and its like are given. Whether it is valid is for the host to say. */
export function urlOf(input: unknown): string {
  try {
    return String((input as { url?: unknown } | null)?.url ?? input);
  } catch {
    return "";
  }
}

/** A call of `fetch` in words; what it makes of wrong arguments is up to itself. */
export function describeFetch([input, init]: readonly unknown[]): string {
  const method = read(init, "method") ?? read(input, "method") ?? "GET";
  return `fetch ${typeof method === "string" ? method : "GET"} ${urlOf(input)}`;
}
