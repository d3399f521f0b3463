/** Rejections that nobody handles, which would end the process. */

import { assertEquals } from "@std/assert";
import { turns } from "./_recipe.ts";

/** Does something, and fails if a promise was rejected that nobody had handled. */
export async function withoutUnhandled(body: () => Promise<void>): Promise<void> {
  const unhandled: unknown[] = [];
  const listener = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  try {
    await body();
  } finally {
    await turns();
    globalThis.removeEventListener("unhandledrejection", listener);
  }
  assertEquals(unhandled.map(textOf), [], "rejections that would have ended the process");
}

function textOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return "something that cannot be shown";
  }
}
