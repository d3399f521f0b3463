/**
 * What would arrive as something else than it is. Imports nothing: it is used in workers as well.
 *
 * Structured clone makes an empty object of most objects of the web, without a word. Where such an object is itself an
 * argument or a result, it is refused; what is deep within others is the user's own risk.
 */

/** Objects that arrive as what they are, or are refused by the host with a message of its own. */
const CARRIED = {
  process: new Set(["ArrayBuffer", "DOMException", "Map", "Promise", "Set", "WeakMap", "WeakSet"]),
  thread: new Set([
    "ArrayBuffer",
    "Blob",
    "CryptoKey",
    "DOMException",
    "File",
    "Map",
    "MessagePort",
    "Module",
    "Promise",
    "ReadableStream",
    "Set",
    "SharedArrayBuffer",
    "TransformStream",
    "WeakMap",
    "WeakSet",
    "WritableStream",
  ]),
};

/** Why a value cannot be sent to or from a worker of a kind; `null` if it perhaps can. */
export function uncloneable(value: unknown, kind: "thread" | "process"): string | null {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return null;
  const tag = (value as { readonly [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  if (typeof tag !== "string" || CARRIED[kind].has(tag)) return null;
  const known = (globalThis as Record<string, unknown>)[tag];
  if (typeof known !== "function" || !(value instanceof known)) return null;
  return `it is of class ${tag}, send what is in it`;
}
